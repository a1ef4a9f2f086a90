"""Failures of pulls, for support and operators: what the member was told, the steps of the pull, and a review.

Words and trace are rendered here for every admin page that shows a failure.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from groups.models import Failure, PullStep
from registries.records import GuardedAdmin

_STEPS = dict(PullStep.Name.choices)


def words(failure: Failure) -> SafeString:
    """Return what the member reads: title, text and remedy."""
    said = failure.words
    return format_html("<strong>{}</strong><p>{}</p><p>{}</p>", said.title, said.text, said.remedy)


def trace(failure: Failure) -> SafeString:
    """Return the steps of the pull as a table."""
    rows = format_html_join(
        "",
        "<tr><th>{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
        (
            (
                _STEPS.get(str(step.get("name")), step.get("name") or "–"),
                step.get("outcome") or "–",
                _clock(step),
                _seconds(step),
                step.get("detail") or "",
                step.get("raw") or "",
            )
            for step in failure.trace
        ),
    )
    heads = format_html_join(
        "", "<th>{}</th>", ((head,) for head in ("Step", "", "Began (UTC)", "Took", "Detail", "Raw"))
    )
    return format_html("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", heads, rows)


def _clock(step: dict[str, Any]) -> str:
    try:
        return f"{datetime.fromisoformat(step['started_at']):%H:%M:%S}"
    except (KeyError, TypeError, ValueError):
        return "–"


def _seconds(step: dict[str, Any]) -> str:
    try:
        took = datetime.fromisoformat(step["finished_at"]) - datetime.fromisoformat(step["started_at"])
    except (KeyError, TypeError, ValueError):
        return "–"
    return f"{took.total_seconds():.1f} s"


class ReviewedFilter(SimpleListFilter):
    """Whether somebody has looked at it."""

    title = "reviewed"
    parameter_name = "reviewed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "No"), ("yes", "Yes")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() in ("yes", "no"):
            return queryset.filter(reviewed_at__isnull=self.value() == "no")
        return queryset


class ReviewForm(forms.ModelForm):
    """A note, and whether this failure has been looked at."""

    reviewed = forms.BooleanField(required=False, help_text="Marks the failure as reviewed by you.")

    class Meta:
        model = Failure
        fields = ("note",)


@admin.register(Failure)
class FailureAdmin(GuardedAdmin):
    """Nobody adds or deletes a failure; support and operators note what they found."""

    form = ReviewForm
    list_display = (
        "created_at",
        "code",
        "step",
        "registry",
        "is_reviewed",
        "organization",
        "group_name",
        "reference",
        "raw",
    )
    list_filter = (
        ReviewedFilter,
        "code",
        "provider",
        "registry",
        ("organization", admin.RelatedOnlyFieldListFilter),
    )
    search_fields = ("=id", "group_name", "reference", "code", "raw", "organization__name", "organization__slug")
    date_hierarchy = "created_at"
    actions = ("mark_reviewed",)
    fields = (
        "id",
        "created_at",
        "organization_name",
        "group_name",
        "reference",
        "registry",
        "provider",
        "told",
        "code",
        "step",
        "raw",
        "attempt",
        "steps",
        "reviewed_at",
        "reviewer",
        "note",
        "reviewed",
    )
    readonly_fields = tuple(name for name in fields if name not in ("note", "reviewed"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("organization", "reviewed_by")

    # Plain text, where Django would link to pages that support may not open.
    @admin.display(description="organization")
    def organization_name(self, failure: Failure) -> str:
        return str(failure.organization)

    @admin.display(description="reviewed by")
    def reviewer(self, failure: Failure) -> str:
        return str(failure.reviewed_by or "–")

    @admin.display(description="reviewed", boolean=True, ordering="reviewed_at")
    def is_reviewed(self, failure: Failure) -> bool:
        return failure.reviewed_at is not None

    @admin.display(description="what the member reads")
    def told(self, failure: Failure) -> SafeString:
        return words(failure)

    @admin.display(description="steps")
    def steps(self, failure: Failure) -> SafeString:
        return trace(failure)

    @admin.action(description="Mark reviewed", permissions=["change"])
    def mark_reviewed(self, request: HttpRequest, queryset: QuerySet[Failure]) -> None:
        """Note who looked at these failures, and when."""
        if self.too_many(request, queryset):
            return
        chosen = list(queryset)
        self.done(request, [each for each in chosen if _review(each, request)], change="Reviewed", of=len(chosen))

    def save_model(self, request: HttpRequest, obj: Failure, form: Any, change: bool) -> None:
        Failure.objects.filter(pk=obj.pk).update(note=obj.note)
        if form.cleaned_data.get("reviewed"):
            _review(obj, request)


def _review(failure: Failure, request: HttpRequest) -> bool:
    """Mark one failure; whoever was first stays on record."""
    unseen = Failure.objects.filter(pk=failure.pk, reviewed_at__isnull=True)
    return bool(unseen.update(reviewed_at=Now(), reviewed_by=request.user.pk))
