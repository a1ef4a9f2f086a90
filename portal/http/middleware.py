"""Refuses what no page can read, and resolves `/o/<org>/…` to the organization, project and role of whoever asks.

A stranger gets the same 404 as for an organization that doesn't exist; too small a role gets 403. Views below
find `request.access` with the ids of both, `request.role`, and `request.organization` and `request.project` (the
organization's first one where the address names none), which are read once something of them is needed. Every view
finds `request.actor`, whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import resolve
from django.utils.functional import SimpleLazyObject

from portal.http.actors import actor_of
from portal.models import Organization, Project
from portal.organizations.access import resolve_access
from portal.organizations.permissions import PAGES
from registries.foundation.refusal import Refusal


class Utf8FormsMiddleware:
    """Refuses forms in another encoding than UTF-8. Django would fail on them in its error pages too, which read the
    form once more."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        charset = (request.content_params or {}).get("charset", "utf-8")
        if charset.strip().strip('"').lower() not in ("utf-8", "utf8"):
            return HttpResponse("Send this in UTF-8.\n", status=415, content_type="text/plain; charset=utf-8")
        return self.get_response(request)


class MachinesMiddleware:
    """Takes what nodes ask straight to its view: sessions, forms, messages and sign-in are for people, and cost more
    than a poll does."""

    PREFIXES = ("/node/v1/", "/v2/")

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(self.PREFIXES):
            return self.get_response(request)
        request.get_host()  # 400 for another host than ours, as everywhere
        request.resolver_match = found = resolve(request.path_info)
        response: HttpResponse = found.func(request, *found.args, **found.kwargs)
        if not response.streaming and "Content-Length" not in response:
            response["Content-Length"] = str(len(response.content))
        return response


class OrganizationMiddleware:
    """Puts organization, project and role on the request, or ends it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(partial(actor_of, request))  # type: ignore[attr-defined]
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Show a refusal that no view has shown, whichever page it was asked of."""
        if not isinstance(error, Refusal):
            return None
        return render(request, "refused.html", {"refusal": error}, status=409)

    def process_view(
        self, request: HttpRequest, view: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Resolve `org` and `project` of the address."""
        slug = kwargs.get("org")
        if slug is None or request.resolver_match is None:
            return None
        if not request.user.is_authenticated:
            return _to_login(request)
        found = resolve_access(request.user.pk, slug, kwargs.get("project"))
        if found is None:
            raise Http404
        asked: Any = request
        asked.access, asked.role = found, found.role
        asked.organization = SimpleLazyObject(
            partial(Organization.objects.select_related("quota").get, pk=found.organization_id)
        )
        asked.project = SimpleLazyObject(partial(_read_project, found.organization_id, found.project_id))
        needed = PAGES.get(request.resolver_match.view_name)
        if needed is None or found.role.rank < needed.rank:
            raise PermissionDenied
        return None


def _read_project(organization_id: int, project_id: int | None) -> Project | None:
    """The project of the address, or the organization's first one where the address names none."""
    if project_id is not None:
        return Project.objects.get(pk=project_id)
    return Project.objects.filter(organization=organization_id).first()


def _to_login(request: HttpRequest) -> HttpResponse:
    """Lead to the sign-in page. A fragment that htmx asks for would swap that page into itself: the whole page is
    loaded anew instead."""
    if getattr(request, "htmx", False):
        return HttpResponse(headers={"HX-Refresh": "true"})
    return redirect_to_login(request.get_full_path())
