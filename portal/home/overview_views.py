"""Pages that belong to no group and no registry: where people land."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import get_conditional_response, patch_cache_control, patch_vary_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from groups.queries.etags import organization_version
from groups.queries.overview import organization_overview
from portal.audit import log
from portal.models import Activity, Organization, SupportMessage, SupportRequest
from portal.support.queries import last_text
from portal.support.readers import unread
from registries.foundation.compiled_query import CompiledQuery

NEWEST_DEEDS = 8


@require_GET
@login_required
@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """On to the person's first organization, or say how to get into one."""
    first = Organization.objects.filter(memberships__user=request.user.pk).first()
    if first is None:
        return render(request, "portal/welcome.html")
    return redirect("portal:organization", first.slug)


@require_GET
def organization(request: Any, org: str) -> HttpResponse:
    """The organization at a glance: its groups by state, what waits for somebody, what was done last. The page asks
    for its live part at the same address; 304 while nothing has changed."""
    version = organization_version(
        request.access.organization_id,
        request.role,
        _newest_deed.first(organization=request.access.organization_id),
        list(_conversations(request).values_list("pk", "state")),
    )
    if not request.htmx:
        response = render(request, "portal/overview.html", _glance(request, version))
    else:
        etag = f'"{version}"'
        found = get_conditional_response(request, etag=etag)
        response = found or render(request, "portal/overview_live.html", _glance(request, version))
        response["ETag"] = etag
    patch_cache_control(response, private=True, no_cache=True)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _glance(request: Any, version: str) -> dict[str, Any]:
    """What the overview shows."""
    project = request.organization.projects.first()
    if project is None:
        raise Http404
    done = log.of_organization(request.organization.pk)[:NEWEST_DEEDS]
    return {
        "overview": organization_overview(request.organization.pk),
        "version": version,
        "lines": log.lines(done, request.organization),
        "talks": list(_conversations(request)),
        "first_project": project,
    }


@CompiledQuery
def _newest_deed(organization: int) -> Any:
    return Activity.objects.filter(organization=organization).order_by("-number").values_list("pk")[:1]


def _conversations(request: Any) -> Any:
    """Conversations with support that wait for the organization's answer, or have one that this person hasn't read."""
    mine = Q(pk__in=unread(request.access.organization_id, request.user).values("pk"))
    rows = SupportRequest.objects.filter(organization=request.access.organization_id)
    rows = rows.filter(mine | Q(state=SupportRequest.State.WAITING)).order_by("-asked_at", "pk")
    return rows.annotate(said=last_text(SupportMessage.Side.SUPPORT))[:NEWEST_DEEDS]
