"""What members ask of support: support answers, and sees the failure that a question is about."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from groups.admin.failures import trace, words
from portal.models import SupportRequest
from registries.records import GuardedAdmin


@admin.register(SupportRequest)
class SupportRequestAdmin(GuardedAdmin):
    """Members open requests, support answers them; nobody deletes one."""

    list_display = ("created_at", "organization", "kind", "about", "asked_by", "state")
    list_display_links = ("created_at", "kind")
    list_filter = (
        "state",
        "kind",
        "failure__code",
        "failure__registry",
        ("organization", admin.RelatedOnlyFieldListFilter),
    )
    search_fields = ("=id", "organization__name", "organization__slug", "user__email", "registry", "message")
    date_hierarchy = "created_at"
    fields = (
        "id",
        "created_at",
        "organization_name",
        "asked_by",
        "kind",
        "registry",
        "message",
        "failure",
        "told",
        "steps",
        "state",
        "answer",
        "note",
    )
    readonly_fields = tuple(name for name in fields if name not in ("state", "answer", "note"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("organization", "user", "failure")

    # Plain text, where Django would link to pages that support may not open.
    @admin.display(description="organization")
    def organization_name(self, asked: SupportRequest) -> str:
        return str(asked.organization)

    @admin.display(description="asked by")
    def asked_by(self, asked: SupportRequest) -> str:
        return str(asked.user or "–")

    @admin.display(description="about")
    def about(self, asked: SupportRequest) -> str:
        return str(asked.failure or asked.registry or "–")

    @admin.display(description="what the member reads")
    def told(self, asked: SupportRequest) -> SafeString | str:
        return words(asked.failure) if asked.failure else "–"

    @admin.display(description="steps")
    def steps(self, asked: SupportRequest) -> SafeString | str:
        return trace(asked.failure) if asked.failure else "–"

    def save_model(self, request: HttpRequest, obj: SupportRequest, form: Any, change: bool) -> None:
        # Only what this form changed: two of support may work on one request.
        changed = [name for name in form.changed_data if name in ("state", "answer", "note")]
        unanswered = (SupportRequest.State.NEW, SupportRequest.State.SEEN)
        if "answer" in changed and "state" not in changed and obj.answer.strip() and obj.state in unanswered:
            # Else the member would read an answer to a request that is "New".
            obj.state = SupportRequest.State.SOLVED
            changed.append("state")
        obj.save(update_fields=changed)
