"""The delivery ledger of a group: its page, its export, and revoking a token."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from groups.actions import tokens
from groups.models import NodeToken
from groups.queries import delivery_ledger
from groups.web.requests import group_of
from registries.foundation.ids import TokenId
from registries.foundation.requests import ProjectRequest


@require_GET
@never_cache
def ledger(request: ProjectRequest, org: str, project: str, name: str) -> HttpResponse:
    """Show each token of the group, from its issue to its end."""
    group = group_of(request, name)
    page = delivery_ledger.ledger_page(group, request.GET.get("page"))
    context = {
        "group": group,
        "page": page,
        "deliveries": delivery_ledger.deliveries(page),
        "unusual": delivery_ledger.unusual_refusals(group),
    }
    return render(request, "groups/ledger.html", context)


@require_GET
@never_cache
def export(request: ProjectRequest, org: str, project: str, name: str) -> HttpResponseBase:
    """Return the whole ledger as CSV."""
    group = group_of(request, name)
    response = StreamingHttpResponse(delivery_ledger.ledger_csv(group), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{group.name}-deliveries.csv"'
    return response


@require_POST
def revoke(request: ProjectRequest, org: str, project: str, name: str, token: TokenId) -> HttpResponse:
    """Revoke a token and its session; a transfer in progress stops within seconds."""
    row = get_object_or_404(NodeToken, group=group_of(request, name), pk=token)
    if tokens.revoke(row, by=request.actor):
        messages.success(request, f"The token of {row.node_name} is revoked. What was under way stops within seconds.")
    else:
        messages.info(request, "That token was over already.")
    return redirect("groups:ledger", org, project, name)
