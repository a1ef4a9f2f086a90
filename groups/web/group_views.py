"""Pages of container groups: the list, a new one, one group live.

`portal.http.middleware` has resolved organization, project and role before any of these runs. What can be done to a
group that exists stands in `groups.web.lifecycle_views`.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from django_htmx.http import HttpResponseClientRedirect, HttpResponseStopPolling

from groups.models import ContainerGroup
from groups.queries import group_list
from groups.queries.etags import group_version, project_version
from groups.queries.group_detail import group_detail
from groups.rules.sealed_settings import open_environment
from groups.web.forms import DeleteForm, ScaleForm
from groups.web.image_field import NONE, live_credentials, reading
from groups.web.requests import form_status, group_of, live_response
from registries.foundation.requests import ProjectRequest


@require_GET
@never_cache
def groups(request: ProjectRequest, org: str, project: str) -> HttpResponse:
    """The project's groups."""
    version = project_version(request.access.project_id)
    found = _listing(request)
    credentials = 0 if found.total else live_credentials(request).count()
    return render(request, "groups/list.html", {"listing": found, "version": version, "credentials": credentials})


@require_GET
def rows(request: ProjectRequest, org: str, project: str) -> HttpResponse:
    """The list's live part; 304 while nothing has changed."""
    version = project_version(request.access.project_id)
    return live_response(
        request,
        version,
        lambda: render(request, "groups/rows.html", {"listing": _listing(request), "version": version}),
    )


@require_GET
@never_cache
def detail(request: ProjectRequest, org: str, project: str, name: str) -> HttpResponse:
    """One group, live."""
    return show(request, group_of(request, name), DeleteForm(expected=name))


@require_GET
def status(request: ProjectRequest, org: str, project: str, name: str) -> HttpResponse:
    """The live part of a group's page: 304 while nothing has changed, 286 once nothing will by itself.

    A page that watches a group which is gone is led to the list, and would ask for ever otherwise.
    """
    version = group_version(request.access.project_id, name, request.role)
    if version is None:
        if not request.htmx:
            raise Http404
        messages.info(request, "That group is not here any more.")
        return HttpResponseClientRedirect(reverse("groups:list", args=[org, project]))

    def answer() -> HttpResponse:
        group = group_of(request, name)
        shown = group_detail(group)
        response = render(request, "groups/live.html", {"group": group, "detail": shown, "version": version})
        return response if shown.poll_seconds else HttpResponseStopPolling(response.content)

    return live_response(request, version, answer)


def _listing(request: ProjectRequest) -> group_list.Listing:
    asked = request.GET
    return group_list.list_groups(
        request.project,
        search=asked.get("q", ""),
        status=asked.get("state", ""),
        sort=asked.get("sort", ""),
        page=asked.get("page"),
    )


def show(
    request: ProjectRequest, group: ContainerGroup, form: DeleteForm, scale: ScaleForm | None = None
) -> HttpResponse:
    """The group's page, with the forms that delete and scale it as they stand."""
    version = group_version(group.project_id, group.name, request.role)
    context = {
        "group": group,
        "detail": group_detail(group),
        "version": version,
        "variables": list(open_environment(group)),
        "delete_form": form,
        "scale_form": scale or ScaleForm(initial={"replicas": group.replicas}),
        **_upstream(request, group),
    }
    return render(
        request, "groups/detail.html", context, status=max(form_status(form), form_status(scale) if scale else 0)
    )


def _upstream(request: ProjectRequest, group: ContainerGroup) -> dict[str, Any]:
    """What asking whether the tag has moved takes: a credential anew, since the one of the pull is gone."""
    image = group.image
    if not image.digest or image.version.startswith("sha256:"):
        return {"against": None}
    chosen = "" if image.provider else NONE
    return {"against": group, **reading(request, image.reference, chosen)}
