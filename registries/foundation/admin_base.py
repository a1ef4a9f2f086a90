"""Admin pages of records: what happened is looked at, not rewritten. Which records there are is each app's own.

Columns that hold secrets, or from which something about one could be learned, are neither shown nor filtered by.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar, cast

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import SuspiciousOperation, ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from registries.foundation.actor import Actor
from registries.foundation.generic_bases import ModelAdmin, TabularInline
from registries.foundation.requests import ActorRequest

HIDDEN = frozenset(
    {
        "sealed",
        "epoch",
        "config",
        "environment",
        "command",
        "hmac",
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
Row = TypeVar("Row", bound=Model)


def actor_of(request: HttpRequest) -> Actor:
    """Whoever asks, as the middleware has put it on the request."""
    return cast("ActorRequest", request).actor


class ReadOnlyMixin:
    """Nobody adds, changes or deletes; who may view is Django's permission."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class GuardedAdmin(ModelAdmin[Row]):
    """A page that can't be filtered by what it hides, and whose actions may ask first."""

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Refuse `?token_hash__startswith=…`: Django lets an address filter by every column of the model."""
        return HIDDEN.isdisjoint(lookup.split("__")) and super().lookup_allowed(lookup, value, request)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Row], *more: Any) -> HttpResponse | None:
        """Answer a choice that can be no row's key with 400, where Django would break."""
        try:
            for key in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.model._meta.pk.to_python(key)
        except ValidationError as error:
            raise SuspiciousOperation("no key of a row") from error
        return super().response_action(request, queryset, *more)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether actions that reach beyond the record are offered: to operators."""
        return bool(request.user.is_active and request.user.is_superuser)

    def ask_to_confirm(
        self, request: HttpRequest, queryset: QuerySet[Row], *, action: str, title: str, text: str, words: str = ""
    ) -> TemplateResponse | None:
        """Return the page that asks before `action` (the method's name) is done to these rows, or None when that
        was answered with yes. `words` is the label of what must be written then, and comes as `reason`."""
        said = request.POST.get("reason", "").strip()
        if request.POST.get("confirmed") == "yes" and (said or not words):
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "text": text,
            "action": action,
            "opts": self.model._meta,
            "rows": queryset,
            "words": words,
            "is_missing": request.POST.get("confirmed") == "yes",
            "checkbox": ACTION_CHECKBOX_NAME,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/ask.html", context)

    def refuse_too_many(self, request: HttpRequest, queryset: QuerySet[Row]) -> bool:
        """Whether more rows are chosen than one form can carry; says so."""
        if queryset.count() <= MAX_AT_ONCE:
            return False
        self.message_user(request, f"Choose at most {MAX_AT_ONCE} at once.", messages.ERROR)
        return True

    def log_and_report(self, request: HttpRequest, rows: Iterable[Row], *, change: str, of: int) -> None:
        """Write Django's log for each row that was changed, and say how many of `of` that were. The activity is
        recorded by the actions that changed them."""
        count = 0
        for row in rows:
            self.log_change(request, row, change)
            count += 1
        rest = f" {of - count} had nothing left to do." if of > count else ""
        self.message_user(request, f"{change} {count} of {of}.{rest}", messages.SUCCESS if count else messages.WARNING)


class RecordAdmin(ReadOnlyMixin, GuardedAdmin[Row]):
    """A record that is only looked at."""


class RecordInline(ReadOnlyMixin, TabularInline[Row, Model]):
    """Records below the one that they belong to."""

    fields: ClassVar[tuple[str, ...]]
    extra = 0
    can_delete = False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return tuple(self.fields)
