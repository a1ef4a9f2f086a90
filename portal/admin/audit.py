"""What was done, for operators: the activity of every organization and the portal's own, and Django's log of the admin.
Rows are read, never rewritten; only the text of a row of the activity can be erased, which is recorded in turn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from portal.audit.erasure import NothingToErase, erase_text
from portal.audit.log import AREAS, VERBS
from portal.models import Activity, User
from registries.foundation.actor import Actor, ActorKind
from registries.foundation.admin_base import RecordAdmin, actor_of, reason_of
from registries.foundation.ids import UserId

_ACTOR_KINDS: dict[str, str] = {
    ActorKind.PERSON: "Person",
    ActorKind.API_KEY: "API key",
    ActorKind.SUPPORT: "Support",
    ActorKind.OPERATOR: "Operator",
    ActorKind.NODE: "Node",
    ActorKind.PORTAL: "The portal",
    ActorKind.ANONYMOUS: "Not signed in",
}


class _ChoiceFilter(admin.SimpleListFilter):
    """A filter whose choices are known without a query. A value that is none of them filters nothing."""

    choices_by_value: dict[str, str]

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Activity]) -> list[tuple[str, str]]:
        return list(self.choices_by_value.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Activity]) -> QuerySet[Activity]:
        value = self.value()
        return self.narrow(queryset, value) if value in self.choices_by_value else queryset

    def narrow(self, rows: QuerySet[Activity], value: str) -> QuerySet[Activity]:
        """The rows of this choice."""
        raise NotImplementedError


class AreaFilter(_ChoiceFilter):
    """By the area of the action, the part of its code before the dot."""

    title = "area"
    parameter_name = "area"
    choices_by_value = {
        area: AREAS.get(area, area.capitalize()) for area in dict.fromkeys(code.partition(".")[0] for code in VERBS)
    }

    def narrow(self, rows: QuerySet[Activity], value: str) -> QuerySet[Activity]:
        return rows.filter(action__startswith=f"{value}.")


class ActorKindFilter(_ChoiceFilter):
    """By who acted: a person, an API key, an operator, …"""

    title = "kind of actor"
    parameter_name = "by"
    choices_by_value = {str(kind): words for kind, words in _ACTOR_KINDS.items()}

    def narrow(self, rows: QuerySet[Activity], value: str) -> QuerySet[Activity]:
        return rows.filter(actor_kind=value)


class ChainFilter(_ChoiceFilter):
    """By chain: the portal's own, or those of organizations."""

    title = "chain"
    parameter_name = "chain"
    choices_by_value = {"portal": "The portal's own", "organizations": "Organizations'"}

    def narrow(self, rows: QuerySet[Activity], value: str) -> QuerySet[Activity]:
        return rows.filter(organization__isnull=value == "portal")


@admin.register(Activity)
class ActivityAdmin(RecordAdmin[Activity]):
    """What was done, by whom: the rows of all chains, newest first. Operators also read which operator acted and from
    where, which members don't. There is one query for the operators of a page, and no column is sorted by: only the key
    has an index for it."""

    list_display = ("created_at", "action", "actor", "target", "chain", "number", "client_address", "request_id")
    list_filter = (AreaFilter, ActorKindFilter, ChainFilter, "created_at")
    list_select_related = ("organization", "text")
    search_fields = (
        "text__actor_name",
        "text__target_name",
        "text__detail",
        "=text__client_address",
        "=action",
        "=target_key",
        "=request_id",
        "=organization__slug",
    )
    sortable_by = ()
    show_full_result_count = False
    actions = ("erase",)
    fields = (
        "number",
        "created_at",
        "chain",
        "action",
        "actor",
        "target",
        "target_kind",
        "target_key",
        "detail",
        "before",
        "after",
        "client_address",
        "request_id",
        "hash",
    )
    readonly_fields = ("chain", "actor", "target", "detail", "before", "after", "client_address")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Activity]:
        return super().get_queryset(request).select_related("organization", "text")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Activity], search_term: str
    ) -> tuple[QuerySet[Activity], bool]:
        """Find by the email address of an operator too. No row contains it, because members would read it."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        operator = User.objects.filter(email__iexact=search_term.strip()).first()
        if operator is not None:
            found = found | queryset.filter(actor_kind=ActorKind.OPERATOR, actor_key=str(operator.pk))
        return found, may_repeat

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        rows: list[Activity] = list(changelist.result_list)
        _name_operators(rows)
        changelist.result_list = rows
        return changelist

    @admin.display(description="organization")
    def chain(self, row: Activity) -> str:
        if row.organization_id is None:
            return "The portal"
        return row.organization.name if row.organization is not None else f"Organization {row.organization_id}, deleted"

    @admin.display(description="actor")
    def actor(self, row: Activity) -> str:
        if row.actor_kind == ActorKind.OPERATOR:
            if not hasattr(row, "operator_email"):
                _name_operators([row])
            return f"{getattr(row, 'operator_email') or 'console'} (operator)"  # noqa: B009 (set by _name_operators)
        text = row.kept_text
        return (
            text.actor_name if text is not None else f"{_ACTOR_KINDS.get(row.actor_kind, row.actor_kind)}, name erased"
        )

    @admin.display(description="target")
    def target(self, row: Activity) -> str:
        text = row.kept_text
        return text.target_name or row.target_kind if text is not None else f"{row.target_kind}, name erased"

    @admin.display(description="detail")
    def detail(self, row: Activity) -> str:
        text = row.kept_text
        return text.detail if text is not None else ""

    @admin.display(description="before")
    def before(self, row: Activity) -> str:
        text = row.kept_text
        return json.dumps(text.before, ensure_ascii=False) if text is not None and text.before else ""

    @admin.display(description="after")
    def after(self, row: Activity) -> str:
        text = row.kept_text
        return json.dumps(text.after, ensure_ascii=False) if text is not None and text.after else ""

    @admin.display(description="client address")
    def client_address(self, row: Activity) -> str:
        text = row.kept_text
        return text.client_address if text is not None else ""

    @admin.action(description="Erase the text", permissions=["operate"])
    def erase(self, request: HttpRequest, queryset: QuerySet[Activity]) -> TemplateResponse | None:
        """Delete what these rows say about people and names, after asking why."""
        reason = reason_of(request)
        return self.apply_confirmed(
            request,
            queryset.order_by("pk"),
            partial(_erase, reason=reason, by=actor_of(request)),
            action="erase",
            title="Erase the text of these rows?",
            text="Names, addresses, details and changed settings are deleted for good. The rows stay, and the chain "
            "still verifies. The text stays in backups of the database until they expire.",
            reason_label="Why? The organization's members read this: don't repeat what you erase.",
            change="Text erased",
            describe=self._described,
        )

    def _described(self, row: Activity) -> str:
        """What the row says, so that nobody erases the wrong one. Django's log uses `str`, which has no text."""
        words = (f"{row.action} by {self.actor(row)}", self.target(row), self.detail(row))
        return f"{self.chain(row)}, row {row.number}: {', '.join(word for word in words if word)}"


@admin.register(LogEntry)
class AuditLogAdmin(RecordAdmin[LogEntry]):
    """Django's own log: which operator changed which row in the admin."""

    list_display = ("action_time", "user", "content_type", "object_repr", "what")
    list_filter = ("action_flag", ("content_type", admin.RelatedOnlyFieldListFilter), "action_time")
    list_select_related = ("user", "content_type")
    search_fields = ("user__email", "object_repr", "=object_id", "change_message")
    date_hierarchy = "action_time"
    fields = ("action_time", "user", "content_type", "object_id", "object_repr", "what")
    readonly_fields = ("what",)

    @admin.display(description="change")
    def what(self, entry: LogEntry) -> str:
        return entry.get_change_message() or entry.get_action_flag_display()


def _erase(row: Activity, *, reason: str, by: Actor) -> bool:
    """Erase in a transaction of its own. Returns whether there was a text."""
    try:
        erase_text(row, reason=reason, by=by)
    except NothingToErase:
        return False
    return True


def _name_operators(rows: Sequence[Activity]) -> None:
    """Set `operator_email` on each row: the operator's email address, empty for the console and where another kind of
    actor acted. One query for all of them."""
    keys = {row.actor_key for row in rows if row.actor_kind == ActorKind.OPERATOR and row.actor_key.isdecimal()}
    emails = dict(User.objects.filter(pk__in=keys).values_list("pk", "email")) if keys else {}
    for row in rows:
        email = emails.get(UserId(int(row.actor_key)), "") if row.actor_key in keys else ""
        row.operator_email = email  # type: ignore[attr-defined]
