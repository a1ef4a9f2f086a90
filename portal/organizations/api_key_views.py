"""Pages of an organization's API keys. A key's text is shown in one response, never again."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from portal.http.requests import MemberRequest
from portal.models import ApiKey, Project
from portal.organizations import api_keys
from portal.organizations.forms import KeyForm
from registries.foundation.ids import ProjectId
from registries.foundation.refusal import shows_refusal

MAX_ENDED_SHOWN = 100


@require_GET
@never_cache
def keys(request: MemberRequest, org: str) -> HttpResponse:
    """List the keys, live ones first."""
    return _page(request, _form(request))


@require_POST
@never_cache
def create(request: MemberRequest, org: str) -> HttpResponse:
    """Create a key; the response shows its text."""
    form = _form(request, request.POST)
    if not form.is_valid():
        return _page(request, form)
    try:
        row, key = api_keys.create_key(
            organization_id=request.organization.pk,
            name=form.cleaned_data["name"],
            scope=form.cleaned_data["scope"],
            project_id=_project_id(request, form.cleaned_data["project"]),
            expires_at=api_keys.expiry_after(form.cleaned_data["days"]),
            by=request.actor,
        )
    except api_keys.KeyRefused as refusal:
        form.add_error(None, refusal.message)
        return _page(request, form)
    return _page(request, _form(request), made=row, text=key)


def _to_list(request: MemberRequest, /, org: str, key: uuid.UUID) -> HttpResponse:
    return redirect("portal:api_keys", org)


@require_POST
@never_cache
@shows_refusal(_to_list)
def rotate(request: MemberRequest, /, org: str, key: uuid.UUID) -> HttpResponse:
    """Replace a live key with a new one; the response shows its text."""
    old = get_object_or_404(ApiKey, organization=request.organization, pk=key)
    row, text = api_keys.rotate(old, by=request.actor)
    return _page(request, _form(request), made=row, text=text)


@require_POST
@shows_refusal(_to_list)
def take_over(request: MemberRequest, /, org: str, key: uuid.UUID) -> HttpResponse:
    """Make whoever asks the owner of a key."""
    row = get_object_or_404(ApiKey, organization=request.organization, pk=key)
    if api_keys.take_over(row, by=request.actor):
        messages.success(request, f"{row.name} is your key now. It ends when you are no longer an owner.")
    else:
        messages.info(request, f"{row.name} was your key already.")
    return _to_list(request, org, key)


@require_POST
def revoke(request: MemberRequest, org: str, key: uuid.UUID) -> HttpResponse:
    """Revoke a key."""
    row = get_object_or_404(ApiKey, organization=request.organization, pk=key)
    if api_keys.revoke(row, by=request.actor):
        messages.success(request, f"{row.name} has been revoked.")
    else:
        messages.info(request, f"{row.name} was already revoked or expired.")
    return _to_list(request, org, key)


def _form(request: MemberRequest, data: QueryDict | None = None) -> KeyForm:
    projects = Project.objects.filter(organization=request.organization).values_list("slug", "name")
    return KeyForm(data, projects=list(projects))


def _project_id(request: MemberRequest, slug: str) -> ProjectId | None:
    rows = Project.objects.filter(organization=request.organization, slug=slug)
    return rows.values_list("pk", flat=True).get() if slug else None


def _page(request: MemberRequest, form: KeyForm, **shown: object) -> HttpResponse:
    context = {
        "form": form,
        "keys": api_keys.listed_keys(request.organization.pk, max_ended=MAX_ENDED_SHOWN),
        "address": f"{settings.PORTAL_PUBLIC_URL}/api/public",
        **shown,
    }
    return render(request, "portal/api_keys.html", context, status=422 if form.is_bound else 200)
