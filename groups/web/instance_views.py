"""What can be done from a group's page to one instance, and to how many there are. Only a POST acts."""

from __future__ import annotations

import uuid
from typing import Protocol

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from groups.actions import lifecycle
from groups.models import Instance
from groups.nodes import instance_orders
from groups.rules.states import Stale
from groups.web.forms import DeleteForm, ScaleForm
from groups.web.group_views import show
from groups.web.lifecycle_views import STALE
from groups.web.requests import group_of, to_group
from registries.foundation.actor import Actor
from registries.foundation.requests import ProjectRequest

INSTANCE_STALE = "That instance can't take this now: it has changed meanwhile. This is how it stands."


@require_POST
def scale(request: ProjectRequest, org: str, project: str, name: str) -> HttpResponse:
    """Have the group run as another number of replicas."""
    group = group_of(request, name)
    form = ScaleForm(request.POST)
    if not form.is_valid():
        return show(request, group, DeleteForm(expected=name), form)
    try:
        lifecycle.scale(group, form.cleaned_data["replicas"], by=request.actor)
    except Stale:
        messages.info(request, STALE)
    return to_group(request, group)


@require_POST
def restart(request: ProjectRequest, org: str, project: str, name: str, instance: uuid.UUID) -> HttpResponse:
    """Have its node end the container and start it again."""
    return _act(request, name, instance, instance_orders.restart, "Its node restarts the container when it polls.")


@require_POST
def recreate(request: ProjectRequest, org: str, project: str, name: str, instance: uuid.UUID) -> HttpResponse:
    """Have its node make the container anew."""
    return _act(request, name, instance, instance_orders.recreate, "Its node makes the container anew when it polls.")


@require_POST
def reallocate(request: ProjectRequest, org: str, project: str, name: str, instance: uuid.UUID) -> HttpResponse:
    """Move the instance to another node."""
    return _act(request, name, instance, instance_orders.reallocate, "The instance goes to another node.")


class _Action(Protocol):
    def __call__(self, instance: Instance, *, by: Actor) -> Instance: ...


def _act(request: ProjectRequest, name: str, instance: uuid.UUID, action: _Action, message: str) -> HttpResponse:
    group = group_of(request, name)
    row = get_object_or_404(group.instances.all(), pk=instance)
    try:
        action(row, by=request.actor)
    except Stale:
        messages.info(request, INSTANCE_STALE)
    else:
        messages.success(request, message)
    return to_group(request, group)
