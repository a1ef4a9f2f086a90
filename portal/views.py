"""Pages that belong to no group and no registry: where people land, and support."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import get_conditional_response, patch_cache_control, patch_vary_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from groups.models import Failure
from groups.overview import look_over
from groups.statements import Statement
from groups.versions import organization_version
from portal import actions, activity
from portal.forms import SupportForm
from portal.models import Activity, Organization, SupportRequest

Kind = SupportRequest.Kind
MOST_REQUESTS = 30
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
        request.standing.organization_id,
        request.role,
        _newest_deed.first(organization=request.standing.organization_id),
        list(_waiting(request).values_list("pk", "state")),
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
    done = Activity.objects.filter(organization=request.organization)[:NEWEST_DEEDS]
    return {
        "overview": look_over(request.organization),
        "version": version,
        "lines": activity.lines(done),
        "waiting": list(_waiting(request)),
        "first_project": project,
    }


@Statement
def _newest_deed(organization: int) -> Any:
    return Activity.objects.filter(organization=organization).values_list("pk")[:1]


def _waiting(request: Any) -> Any:
    """Questions to support that wait for the organization's answer."""
    rows = SupportRequest.objects.filter(
        organization=request.standing.organization_id, state=SupportRequest.State.WAITING
    )
    return rows.select_related("failure__group__project")[:NEWEST_DEEDS]


@require_http_methods(["GET", "POST"])
@never_cache
def support(request: Any, org: str) -> HttpResponse:
    """Ask support, with a failure attached where the address names one; below, what was asked before."""
    failure = _failure(request)
    wants_registry = failure is None and request.GET.get("kind") == Kind.REGISTRY
    form = SupportForm(
        request.POST if request.method == "POST" else None,
        wants_registry=wants_registry,
        about_failure=failure is not None,
    )
    if form.is_valid():
        actions.ask_support(
            organization=request.organization,
            user=request.user,
            kind=Kind.FAILURE if failure else Kind.REGISTRY if wants_registry else Kind.OTHER,
            failure=failure,
            registry=form.cleaned_data.get("registry", ""),
            message=form.cleaned_data["message"],
            shares=form.cleaned_data.get("shares", False),
        )
        request.record(
            "support.asked", failure.group_name if failure else form.cleaned_data.get("registry") or "something"
        )
        messages.success(request, "Support has your message. The answer appears on this page.")
        return redirect("portal:support", org)
    asked = SupportRequest.objects.filter(organization=request.organization).select_related("user", "failure")
    context = {"form": form, "failure": failure, "wants_registry": wants_registry, "asked": asked[:MOST_REQUESTS]}
    return render(request, "portal/support.html", context, status=422 if form.is_bound else 200)


@require_POST
def stop_sharing(request: Any, org: str) -> HttpResponse:
    """Take a failure back from support."""
    failure = _failure(request)
    if failure is not None and actions.stop_sharing(failure):
        request.record("support.unshared", f"the failure of {failure.group_name}")
        messages.success(request, "Support sees no more of this failure than its code, step, kind and times.")
    if failure is None or failure.group is None:
        return redirect("portal:support", org)
    return redirect("groups:failure", org, failure.group.project.slug, failure.group.name, failure.pk)


def _failure(request: Any) -> Failure | None:
    text = request.GET.get("failure")
    if not text:
        return None
    try:
        pk = uuid.UUID(text)
    except ValueError:
        raise Http404 from None
    return get_object_or_404(Failure.objects.select_related("group__project"), organization=request.organization, pk=pk)
