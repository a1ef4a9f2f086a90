"""What the pages of groups share: the group of a request, its address, and answers that are 304 while nothing
changed."""

from __future__ import annotations

from collections.abc import Callable

from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.cache import get_conditional_response, patch_cache_control

from groups.models import ContainerGroup
from registries.foundation.requests import ProjectRequest


def group_of(request: ProjectRequest, name: str) -> ContainerGroup:
    """The project's group of that name, with what its page shows of it; 404 where there is none."""
    rows = ContainerGroup.objects.select_related("image__credential", "next_image", "project", "created_by")
    return get_object_or_404(rows, project=request.project.pk, name=name)


def to_group(request: ProjectRequest, group: ContainerGroup) -> HttpResponse:
    """Lead to the group's page."""
    return redirect(address_of(request, group))


def address_of(request: ProjectRequest, group: ContainerGroup) -> str:
    """Where the group's page is."""
    return reverse("groups:detail", args=[request.organization.slug, request.project.slug, group.name])


def form_status(form: Form) -> int:
    """The status of a page with this form: 422 where what was sent came back with errors."""
    return 422 if form.is_bound else 200


def live_response(request: ProjectRequest, version: str, answer: Callable[[], HttpResponse]) -> HttpResponse:
    etag = f'"{version}"'
    response = get_conditional_response(request, etag=etag) or answer()
    response["ETag"] = etag
    patch_cache_control(response, private=True, no_cache=True)
    return response
