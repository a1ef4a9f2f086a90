"""Base classes of admin pages: records of what happened can be viewed and not edited.

Columns that hold secrets, or reveal something about one, are neither shown nor usable as filters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar, TypeVar, cast

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import SuspiciousOperation, ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from registries.foundation.actor import Actor
from registries.foundation.generic_bases import ModelAdmin, TabularInline
from registries.foundation.refusal import Refusal
from registries.foundation.requests import ActorRequest
from registries.foundation.secret_shapes import redact

HIDDEN = frozenset(
    {
        "sealed",
        "epoch",
        "config",
        "environment",
        "command",
        "client",
        "configuration",
        "hmac",
        "mark",
        "refresh",
        "nonce",
        "wrapped_key",
        "lease",
        "body",
        "data",
        "token_hash",
        "code_hash",
        "password",
    }
)
MAX_AT_ONCE = 500
MAX_REASON_LENGTH = 300
Row = TypeVar("Row", bound=Model)


def actor_of(request: HttpRequest) -> Actor:
    """Return who makes the request, as the middleware set it."""
    return cast("ActorRequest", request).actor


def reason_of(request: HttpRequest) -> str:
    """Return the reason that was entered with a confirmation, without secrets and cut to MAX_REASON_LENGTH characters.
    PostgreSQL can't store a NUL."""
    return redact(request.POST.get("reason", "").replace("\0", "").strip(), likely=False)[:MAX_REASON_LENGTH]


class ReadOnlyMixin:
    """Nobody may add, change or delete. Django's permissions say who may view."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class GuardedAdmin(ModelAdmin[Row]):
    """A page that can't be filtered by hidden columns, shows why an action refused, and has admin actions that may ask
    for confirmation."""

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Refuse `?token_hash__startswith=…`: Django lets an address filter by every column of the model."""
        return HIDDEN.isdisjoint(lookup.split("__")) and super().lookup_allowed(lookup, value, request)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, object] | None = None,
    ) -> HttpResponse:
        """Show why an action refused what the form asks for; nothing of the form was saved then."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Refusal as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Row], *locations: admin.ActionLocation
    ) -> HttpResponse | None:
        """Respond with 400 to a value that can't be a primary key; Django would raise ValidationError."""
        try:
            for key in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.model._meta.pk.to_python(key)
        except ValidationError as error:
            raise SuspiciousOperation("not a primary key") from error
        return super().response_action(request, queryset, *locations)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether this person gets actions that change more than the record: only operators do."""
        return bool(request.user.is_active and request.user.is_superuser)

    def _ask_to_confirm(
        self,
        request: HttpRequest,
        queryset: QuerySet[Row],
        *,
        action: str,
        title: str,
        text: str,
        reason_label: str,
        describe: Callable[[Row], str],
    ) -> TemplateResponse | None:
        """Return the page that asks for confirmation, or None once that is given."""
        if request.POST.get("confirmed") == "yes" and (reason_of(request) or not reason_label):
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "text": text,
            "action": action,
            "opts": self.model._meta,
            "rows": [(row.pk, describe(row)) for row in queryset],
            "reason_label": reason_label,
            "is_missing": request.POST.get("confirmed") == "yes",
            "checkbox": ACTION_CHECKBOX_NAME,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/ask.html", context)

    def apply_confirmed(
        self,
        request: HttpRequest,
        queryset: QuerySet[Row],
        work: Callable[[Row], bool],
        *,
        action: str,
        title: str,
        text: str,
        change: str,
        reason_label: str = "",
        describe: Callable[[Row], str] = str,
    ) -> TemplateResponse | None:
        """Return the page that asks for confirmation before `action` (the method's name), with `describe` of each row.
        Once that is given, call `work` for each row, and log and show as `change` those for which it returns True. With
        `reason_label` a reason is required; `reason_of` returns it."""
        if self.refuse_too_many(request, queryset):
            return None
        page = self._ask_to_confirm(
            request, queryset, action=action, title=title, text=text, reason_label=reason_label, describe=describe
        )
        if page is not None:
            return page
        chosen = list(queryset)
        changed = [row for row in chosen if work(row)]
        reason = reason_of(request) if reason_label else ""
        self.log_and_report(request, changed, change=change, reason=reason, of=len(chosen))
        return None

    def refuse_too_many(self, request: HttpRequest, queryset: QuerySet[Row]) -> bool:
        """Return whether more rows are selected than one form can carry; if so, a message says it."""
        if queryset.count() <= MAX_AT_ONCE:
            return False
        self.message_user(request, f"Choose at most {MAX_AT_ONCE} at once.", messages.ERROR)
        return True

    def log_and_report(
        self, request: HttpRequest, rows: Iterable[Row], *, change: str, of: int, reason: str = ""
    ) -> None:
        """Write Django's log for each row that was changed, with the reason, and show how many of `of` rows that were.
        The actions that changed them have recorded the activity."""
        count = 0
        for row in rows:
            self.log_change(request, row, f"{change}: {reason}" if reason else change)
            count += 1
        rest = f" {of - count} had nothing left to do." if of > count else ""
        self.message_user(request, f"{change} {count} of {of}.{rest}", messages.SUCCESS if count else messages.WARNING)


class RecordAdmin(ReadOnlyMixin, GuardedAdmin[Row]):
    """A record that can only be viewed."""


class RecordInline(ReadOnlyMixin, TabularInline[Row, Model]):
    """Records on the page of the row that they belong to."""

    fields: ClassVar[tuple[str, ...]]
    extra = 0
    can_delete = False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return tuple(self.fields)
