"""The delivery ledger: which token went to which node, who presented it, and what was sent; without hashes."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from groups.actions import tokens
from groups.delivery.ledger import Reason
from groups.models import LayerDelivery, NodeToken, Redemption, UnusualPresentation
from groups.queries.delivery_ledger import UNUSUAL
from registries.foundation.admin_base import RecordAdmin, RecordInline, actor_of


class RedemptionInline(RecordInline[Redemption]):
    model = Redemption
    fields = ("created_at", "outcome", "reason", "presented_by", "address")


class LayerDeliveryInline(RecordInline[LayerDelivery]):
    model = LayerDelivery
    fields = ("digest", "sent_whole", "sent_bytes", "grants", "first_at", "last_at")


@admin.register(NodeToken)
class NodeTokenAdmin(RecordAdmin[NodeToken]):
    """Tokens, with their presentations and what their sessions got."""

    list_display = (
        "issued_at",
        "organization",
        "group_name",
        "node_name",
        "expires_at",
        "redeemed_at",
        "ended_at",
        "ended_because",
    )
    list_filter = ("ended_because", ("redeemed_at", admin.EmptyFieldListFilter), "issued_at")
    list_select_related = ("organization",)
    search_fields = ("=id", "group_name", "node_name", "organization__name", "organization__slug", "manifest_digest")
    date_hierarchy = "issued_at"
    fields = (
        "id",
        "organization",
        "group",
        "group_name",
        "instance",
        "image",
        "node",
        "node_name",
        "manifest_digest",
        "issued_at",
        "expires_at",
        "redeemed_at",
        "redeemed_from",
        "session_expires_at",
        "manifest_sent_at",
        "ended_at",
        "ended_because",
    )
    inlines = (RedemptionInline, LayerDeliveryInline)
    actions = ("revoke",)

    @admin.action(description="Revoke", permissions=["operate"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[NodeToken]) -> TemplateResponse | None:
        """End these tokens and their sessions, after a confirmation."""
        return self.apply_confirmed(
            request,
            queryset,
            partial(tokens.revoke, by=actor_of(request)),
            action="revoke",
            title="Revoke these tokens?",
            text="Transfers under way stop within seconds. A node that is still to run the group is given a new "
            "token when it polls; stop the group to keep the image from it.",
            change="Revoked",
        )


@admin.register(Redemption)
class RedemptionAdmin(RecordAdmin[Redemption]):
    """Every presentation of a token, accepted or refused."""

    list_display = ("created_at", "outcome", "reason", "token", "presented_by", "address")
    list_filter: ClassVar[tuple[str, ...]] = ("outcome", "reason", "created_at")
    list_select_related = ("token",)
    search_fields = ("presented_by", "=address", "token__group_name", "token__node_name")
    date_hierarchy = "created_at"
    fields = ("created_at", "outcome", "reason", "token", "presented_by", "address")


@admin.register(UnusualPresentation)
class UnusualPresentationAdmin(RedemptionAdmin):
    """Refusals that neither an honest node nor a slow network explains: someone is trying tokens."""

    list_display = ("created_at", "reason", "organization", "token", "presented_by", "address")
    list_filter: ClassVar[tuple[str, ...]] = ("reason", "created_at")
    list_select_related = ("token__organization",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Redemption]:
        reasons = [reason.value for reason in (*UNUSUAL, Reason.UNKNOWN)]
        return super().get_queryset(request).filter(outcome=Redemption.Outcome.REFUSED, reason__in=reasons)

    @admin.display(description="organization")
    def organization(self, row: Redemption) -> str:
        return str(row.token.organization) if row.token else "–"
