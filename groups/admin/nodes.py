"""Nodes, and the codes with which they join. A new code is shown once, on the page that answers the form: it goes
through no cookie, session or log."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from groups.admin.groups import InstanceInline
from groups.models import Enrolment, Node
from groups.nodes.drain import cordon, drain, uncordon
from groups.nodes.enrolment import CodeRefused, NameInvalid, check_name, create_enrolment, create_replacement
from groups.nodes.liveness import remove
from registries.foundation.actor import Actor
from registries.foundation.admin_base import RecordAdmin, actor_of
from registries.foundation.generic_bases import ModelForm


class NodeInstanceInline(InstanceInline):
    fk_name = "node"
    fields: ClassVar[Any] = ("id", "group", "state", "progress", "message", "assigned_at", "changed_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("group").defer("group__environment", "group__command")


class _Action(Protocol):
    def __call__(self, node: Node, *, by: Actor) -> bool: ...


@admin.register(Node)
class NodeAdmin(RecordAdmin[Node]):
    """A node: whether it is there, what it offers, what it runs."""

    list_display = ("name", "status", "last_seen_at", "cpu", "memory_mb", "gpu", "enrolled_at")
    list_filter = ("status", "last_seen_at")
    search_fields = ("=id", "name")
    fields = ("id", "name", "status", "last_seen_at", "enrolled_at", "cpu", "memory_mb", "gpu", "public_key")
    inlines = (NodeInstanceInline,)
    actions = ("cordon", "drain", "uncordon", "replace_key", "remove")

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

    @admin.action(description="Make a code for another key", permissions=["operate"])
    def replace_key(self, request: HttpRequest, queryset: QuerySet[Node]) -> TemplateResponse | None:
        """Show the code with which this one node comes with another key, this once."""
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(request, "Choose one node.", messages.ERROR)
            return None
        (node,) = chosen
        try:
            code, _ = create_replacement(node, by=actor_of(request))
        except CodeRefused as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
            return None
        self.log_change(request, node, "Code for another key")
        return _code_page(self, request, node.name, code)

    @admin.action(description="Remove", permissions=["operate"])
    def remove(self, request: HttpRequest, queryset: QuerySet[Node]) -> TemplateResponse | None:
        """Let these nodes in no more and give what they run to others, after asking."""
        if self.refuse_too_many(request, queryset):
            return None
        page = self.ask_to_confirm(
            request,
            queryset,
            action="remove",
            title="Remove these nodes?",
            text="They are let in no more, for good: transfers under way stop within seconds, and other nodes take "
            "over their instances. To come back, such a machine needs a new code.",
        )
        if page is not None:
            return page
        chosen = list(queryset)
        by = actor_of(request)
        self.log_and_report(request, [node for node in chosen if remove(node, by=by)], change="Removed", of=len(chosen))
        return None


class EnrolmentForm(ModelForm[Enrolment]):
    """The name that the operator gives the node."""

    class Meta:
        model = Enrolment
        fields = ("node_name",)

    def clean_node_name(self) -> str:
        try:
            return check_name(self.cleaned_data["node_name"])
        except NameInvalid as refusal:
            raise forms.ValidationError(refusal.message) from None


@admin.register(Enrolment)
class EnrolmentAdmin(RecordAdmin[Enrolment]):
    """Codes that were made: for whom, by whom, and whether they were used. Never the code."""

    list_display = ("created_at", "node_name", "created_by", "expires_at", "used_at", "node")
    list_display_links = ("created_at", "node_name")
    list_filter = (("used_at", admin.EmptyFieldListFilter),)
    list_select_related = ("created_by", "node")
    search_fields = ("node_name",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_operate_permission(request)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            return EnrolmentForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ("node_name",)
        return ("node_name", "created_by", "created_at", "expires_at", "used_at", "node")

    def save_model(self, request: HttpRequest, obj: Enrolment, form: Any, change: bool) -> None:
        code, made = create_enrolment(obj.node_name, by=actor_of(request))
        request.enrolment_code = code  # type: ignore[attr-defined]
        obj.pk = made.pk

    def response_add(self, request: HttpRequest, obj: Enrolment, post_url_continue: str | None = None) -> HttpResponse:
        """Show the code, this once."""
        return _code_page(self, request, obj.node_name, request.enrolment_code)  # type: ignore[attr-defined]


def _code_page(page: admin.ModelAdmin[Any], request: HttpRequest, node_name: str, code: str) -> TemplateResponse:
    context = {
        **page.admin_site.each_context(request),
        "title": "A code for one node",
        "node_name": node_name,
        "code": code,
        "opts": Enrolment._meta,
    }
    return TemplateResponse(request, "admin/groups/enrolment/code.html", context)
