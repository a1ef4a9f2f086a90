"""Nodes, and their enrolment codes. A new code is shown once, in the response to the form; it is in no cookie, session
or log."""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Protocol, cast

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from groups.admin.groups import InstanceInline
from groups.models import Enrolment, Instance, Node
from groups.nodes.drain import cordon, drain, uncordon
from groups.nodes.enrolment import (
    CodeRefused,
    CodesElsewhere,
    NameInvalid,
    can_create_codes,
    check_name,
    create_enrolment,
    create_replacement,
)
from groups.nodes.liveness import remove
from groups.rules.platforms import default_platform
from registries.foundation.actor import Actor
from registries.foundation.admin_base import RecordAdmin, actor_of
from registries.foundation.generic_bases import ModelForm
from registries.foundation.guarded_forms import GuardsFields
from registries.foundation.requests import ActorRequest


class NodeInstanceInline(InstanceInline):
    fk_name = "node"
    fields: ClassVar[tuple[str, ...]] = ("id", "group", "state", "progress", "message", "assigned_at", "changed_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Instance]:
        return super().get_queryset(request).select_related("group").defer("group__environment", "group__command")


class _Action(Protocol):
    def __call__(self, node: Node, *, by: Actor) -> bool: ...


@admin.register(Node)
class NodeAdmin(RecordAdmin[Node]):
    """Nodes: status, last poll, capacity, and their instances."""

    list_display = ("name", "status", "last_seen_at", "cpu", "memory_mb", "gpu", "runs", "enrolled_at")
    list_filter = ("status", "platform", "last_seen_at", ("key_refused", admin.EmptyFieldListFilter))
    search_fields = ("=id", "name")
    fields = (
        "id",
        "name",
        "status",
        "last_seen_at",
        "enrolled_at",
        "cpu",
        "memory_mb",
        "gpu",
        "runs",
        "public_key",
        "key_refused",
    )
    inlines = (NodeInstanceInline,)
    actions = ("cordon", "drain", "uncordon", "replace_key", "remove")

    @admin.display(description="platform", ordering="platform")
    def runs(self, node: Node) -> str:
        """What it said in its last poll, or what is assumed of one that says nothing."""
        if node.platform:
            return node.platform
        return f"{default_platform()} (the node does not say)" if node.last_seen_at else ""

    @admin.action(description="Cordon: give it nothing new", permissions=["operate"])
    def cordon(self, request: HttpRequest, queryset: QuerySet[Node]) -> None:
        self._set(request, queryset, cordon, "Cordoned")

    @admin.action(description="Uncordon: let it take work again", permissions=["operate"])
    def uncordon(self, request: HttpRequest, queryset: QuerySet[Node]) -> None:
        self._set(request, queryset, uncordon, "Uncordoned")

    @admin.action(description="Drain: nothing new, and move away what it has", permissions=["operate"])
    def drain(self, request: HttpRequest, queryset: QuerySet[Node]) -> None:
        self._set(request, queryset, drain, "Drained")

    def _set(self, request: HttpRequest, queryset: QuerySet[Node], action: _Action, change: str) -> None:
        if not self.refuse_too_many(request, queryset):
            chosen = list(queryset)
            by = actor_of(request)
            self.log_and_report(
                request, [node for node in chosen if action(node, by=by)], change=change, of=len(chosen)
            )

    @admin.action(description="Create a code for another key", permissions=["operate"])
    def replace_key(self, request: HttpRequest, queryset: QuerySet[Node]) -> TemplateResponse | None:
        """Show, once, the code with which this node can enrol with another key."""
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(request, "Choose one node.", messages.ERROR)
            return None
        (node,) = chosen
        try:
            code, _ = create_replacement(node, by=actor_of(request))
        except (CodeRefused, CodesElsewhere) as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
            return None
        self.log_change(request, node, "Code for another key")
        return _code_page(self, request, node.name, code)

    @admin.action(description="Remove", permissions=["operate"])
    def remove(self, request: HttpRequest, queryset: QuerySet[Node]) -> TemplateResponse | None:
        """Remove these nodes and move their instances to others, after a confirmation."""
        return self.apply_confirmed(
            request,
            queryset,
            partial(remove, by=actor_of(request)),
            action="remove",
            title="Remove these nodes?",
            text="They are let in no more, for good: transfers under way stop within seconds, and other nodes take "
            "over their instances. To come back, such a machine needs a new code.",
            change="Removed",
        )


class EnrolmentForm(GuardsFields, ModelForm[Enrolment]):
    """The name of a new node."""

    class Meta:
        model = Enrolment
        fields = ("node_name",)
        help_texts = {"node_name": "The next page shows the node's code, once. It is valid for 24 hours."}

    def clean_node_name(self) -> str:
        try:
            return check_name(self.cleaned_data["node_name"])
        except NameInvalid as refusal:
            raise forms.ValidationError(refusal.message) from None


class _AddRequest(ActorRequest):
    """The request that adds an enrolment; it carries the code to the page that shows it."""

    enrolment_code: str


@admin.register(Enrolment)
class EnrolmentAdmin(RecordAdmin[Enrolment]):
    """Enrolment codes: for which node, by whom, and whether they were used; never the code itself."""

    list_display = ("created_at", "node_name", "created_by", "expires_at", "used_at", "node")
    list_display_links = ("created_at", "node_name")
    list_filter = (("used_at", admin.EmptyFieldListFilter),)
    list_select_related = ("created_by", "node")
    search_fields = ("node_name",)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_operate_permission(request) and can_create_codes()

    def get_form(
        self, request: HttpRequest, obj: Enrolment | None = None, change: bool = False, **kwargs: object
    ) -> type[forms.ModelForm[Enrolment]]:
        if obj is None:
            return EnrolmentForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Enrolment | None = None) -> tuple[str, ...]:
        if obj is None:
            return ("node_name",)
        return ("node_name", "created_by", "created_at", "expires_at", "used_at", "node")

    def save_model(self, request: HttpRequest, obj: Enrolment, form: forms.ModelForm[Enrolment], change: bool) -> None:
        adding = cast("_AddRequest", request)
        adding.enrolment_code, enrolment = create_enrolment(obj.node_name, by=adding.actor)
        obj.pk = enrolment.pk

    def response_add(self, request: HttpRequest, obj: Enrolment, post_url_continue: str | None = None) -> HttpResponse:
        """Show the code, once."""
        return _code_page(self, request, obj.node_name, cast("_AddRequest", request).enrolment_code)


def _code_page(
    page: RecordAdmin[Node] | RecordAdmin[Enrolment], request: HttpRequest, node_name: str, code: str
) -> TemplateResponse:
    context = {
        **page.admin_site.each_context(request),
        "title": "A code for one node",
        "node_name": node_name,
        "code": code,
        "opts": Enrolment._meta,
    }
    return TemplateResponse(request, "admin/groups/enrolment/code.html", context)
