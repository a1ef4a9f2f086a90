"""The overview of an organization, and the page that leads to it."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from groups.queries.etags import organization_version
from groups.queries.overview import organization_overview
from portal.accounts.sso.access import organizations_of
from portal.audit import log
from portal.http.requests import MemberRequest
from portal.models import Activity, SupportMessage, SupportRequest
from portal.support.queries import last_text
from portal.support.readers import unread
from registries.foundation.compiled_query import CompiledQuery
from registries.foundation.ids import OrganizationId
from registries.foundation.live_response import live_response

NEWEST = 8
"""How many rows of the activity and how many conversations are shown."""


@require_GET
@login_required
@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """Redirect to the person's first organization, or say how to join one."""
    first = organizations_of(request).first()
    if first is None:
        return render(request, "portal/welcome.html")
    return redirect("portal:organization", first.slug)


@require_GET
def organization(request: MemberRequest, org: str) -> HttpResponse:
    """Show the organization's groups by state, what needs attention and the newest activity. The page polls its live
    part at the same address; the response is 304 while nothing has changed."""
    version = organization_version(
        request.access.organization_id,
        request.role,
        _newest_activity.first(organization=request.access.organization_id),
        list(_conversations(request).values_list("pk", "state")),
    )
    if request.htmx:
        response = live_response(
            request, version, lambda: render(request, "portal/overview_live.html", _overview(request, version))
        )
    else:
        response = render(request, "portal/overview.html", _overview(request, version))
        patch_cache_control(response, private=True, no_cache=True)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _overview(request: MemberRequest, version: str) -> dict[str, object]:
    project = request.organization.projects.first()
    if project is None:
        raise Http404
    rows = log.of_organization(request.organization.pk)[:NEWEST]
    return {
        "overview": organization_overview(request.organization.pk),
        "version": version,
        "lines": log.lines(rows, request.organization),
        "conversations": list(_conversations(request)),
        "first_project": project,
    }


@CompiledQuery
def _newest_activity(organization: OrganizationId) -> QuerySet[Activity, tuple[int]]:
    return Activity.objects.filter(organization=organization).order_by("-number").values_list("pk")[:1]


def _conversations(request: MemberRequest) -> QuerySet[SupportRequest]:
    """Conversations in which support waits for the organization, or has an answer that this person hasn't read."""
    mine = Q(pk__in=unread(request.access.organization_id, request.user).values("pk"))
    rows = SupportRequest.objects.filter(organization=request.access.organization_id)
    rows = rows.filter(mine | Q(state=SupportRequest.State.WAITING)).order_by("-asked_at", "pk")
    return rows.annotate(last_answer=last_text(SupportMessage.Side.SUPPORT))[:NEWEST]
