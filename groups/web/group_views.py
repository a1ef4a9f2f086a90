"""Pages of container groups: the list, and one group live.

`portal.http.middleware` has resolved organization, project and role before any of these runs. Creating a group is in
`groups.web.new_group_views`, actions on one in `groups.web.lifecycle_views`.
"""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from django_htmx.http import HttpResponseClientRedirect, HttpResponseStopPolling

from groups.queries.etags import group_version, project_version
from groups.queries.group_detail import group_detail
from groups.queries.group_list import Listing, list_groups
from groups.web.group_page import group_page
from groups.web.requests import group_of
from registries.foundation.live_response import live_response
from registries.foundation.requests import ProjectRequest


@require_GET
@never_cache
def groups(request: ProjectRequest, org: str, project: str) -> HttpResponse:
    """Show the project's groups."""
    version = project_version(request.access.project_id)
    return render(request, "groups/list.html", {"listing": _listing(request), "version": version})


@require_GET
def rows(request: ProjectRequest, org: str, project: str) -> HttpResponse:
    """Return the list's live part; 304 while nothing has changed."""
    version = project_version(request.access.project_id)
    return live_response(
        request,
        version,
        lambda: render(request, "groups/rows.html", {"listing": _listing(request), "version": version}),
    )


@require_GET
@never_cache
def detail(request: ProjectRequest, org: str, project: str, name: str) -> HttpResponse:
    """Show one group, live."""
    return group_page(request, group_of(request, name))


@require_GET
def status(request: ProjectRequest, org: str, project: str, name: str) -> HttpResponse:
    """Return the live part of a group's page: 304 while nothing has changed, 286 once nothing will change by itself.

    A page that polls for a deleted group is redirected to the list; it would poll forever otherwise.
    """
    version = group_version(request.access.project_id, name, request.role)
    if version is None:
        if not request.htmx:
            raise Http404
        messages.info(request, "That group is not here any more.")
        return HttpResponseClientRedirect(reverse("groups:list", args=[org, project]))

    def live_part() -> HttpResponse:
        group = group_of(request, name)
        shown = group_detail(group)
        response = render(request, "groups/live.html", {"group": group, "detail": shown, "version": version})
        return response if shown.poll_seconds else HttpResponseStopPolling(response.content)

    return live_response(request, version, live_part)


def _listing(request: ProjectRequest) -> Listing:
    query = request.GET
    return list_groups(
        request.project.pk,
        search=query.get("q", ""),
        status=query.get("state", ""),
        sort=query.get("sort", ""),
        page=query.get("page"),
    )
