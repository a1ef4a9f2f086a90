"""Middleware that resolves `/o/<org>/…` to an organization, a project and a role, and shows refusals.

Strangers get the same 404 as for an organization that doesn't exist; members whose role is too low get 403. Views of
an organization get `request.access` with the ids, `request.role`, and `request.organization` and `request.project` (the
organization's first one where the address names none), whose rows are read on first use. Every view gets
`request.actor`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import cast

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import SimpleLazyObject

from portal.accounts.factor_rows import is_protected
from portal.accounts.sso.access import Needed, missing_sign_in
from portal.http.actors import actor_of
from portal.http.requests import MemberRequest
from portal.models import Organization, Project
from portal.organizations.access import Access, resolve_access
from portal.organizations.permissions import PAGES
from registries.foundation.ids import OrganizationId, ProjectId
from registries.foundation.refusal import Refusal


class OrganizationMiddleware:
    """Sets the actor, organization, project and role of the request, or refuses it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(partial(actor_of, request))  # type: ignore[attr-defined]
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Show a Refusal that the view didn't catch. On pages 403 is for a role that is too low, so a quota is 409."""
        if not isinstance(error, Refusal):
            return None
        status = HTTPStatus.CONFLICT if error.status == HTTPStatus.FORBIDDEN else error.status
        response = render(request, "refused.html", {"refusal": error}, status=status)
        if error.retry_after is not None:
            response["Retry-After"] = str(error.retry_after)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: tuple[object, ...], kwargs: dict[str, str]
    ) -> HttpResponse | None:
        """Resolve `org` and `project` of the address. Raises Http404 for strangers, and PermissionDenied for a
        role that is too low or a page without a row in `PAGES`."""
        slug = kwargs.get("org")
        if slug is None or request.resolver_match is None:
            return None
        if not request.user.is_authenticated:
            return _to_login(request)
        access = resolve_access(request.user.pk, slug, kwargs.get("project"))
        if access is None:
            raise Http404
        needed = missing_sign_in(request, access)
        if needed is not None:
            return _ask_for_sign_in(request, needed, slug)
        if access.requires_factor and not is_protected(request.user.second_factors):
            return _ask_for_factor(request)
        _set_access(cast("MemberRequest", request), access)
        lowest = PAGES.get(request.resolver_match.view_name)
        if lowest is None or access.role.rank < lowest.rank:
            raise PermissionDenied
        return None


def _set_access(request: MemberRequest, access: Access) -> None:
    """Set what the address means on the request. The rows are read on first use."""
    request.access, request.role = access, access.role
    organizations = Organization.objects.select_related("quota")
    request.organization = cast("Organization", SimpleLazyObject(partial(organizations.get, pk=access.organization_id)))
    read_project = partial(_read_project, access.organization_id, access.project_id)
    request.project = cast("Project", SimpleLazyObject(read_project))


def _read_project(organization_id: OrganizationId, project_id: ProjectId | None) -> Project | None:
    """The project of the address, or the organization's first one where the address names none."""
    if project_id is not None:
        return Project.objects.get(pk=project_id)
    return Project.objects.filter(organization=organization_id).first()


def _ask_for_sign_in(request: HttpRequest, needed: Needed, slug: str) -> HttpResponse:
    """The page that says how to sign in for this organization. htmx gets it as a whole page."""
    if getattr(request, "htmx", False):
        return HttpResponse(headers={"HX-Refresh": "true"})
    if needed is Needed.OTHER_SIGN_IN:
        return render(request, "account/sso/limited.html", status=HTTPStatus.FORBIDDEN)
    context = {"slug": slug, "next": request.get_full_path() if request.method == "GET" else f"/o/{slug}/"}
    return render(request, "account/sso/needed.html", context, status=HTTPStatus.FORBIDDEN)


def _ask_for_factor(request: HttpRequest) -> HttpResponse:
    """The page that says that this organization requires a second factor."""
    if getattr(request, "htmx", False):
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "portal/second_factor_needed.html", status=HTTPStatus.FORBIDDEN)


def _to_login(request: HttpRequest) -> HttpResponse:
    """Redirect to the sign-in page. If htmx requested a fragment, make it reload the whole page: it would put the
    sign-in page in the fragment's place."""
    if getattr(request, "htmx", False):
        return HttpResponse(headers={"HX-Refresh": "true"})
    return redirect_to_login(request.get_full_path())
