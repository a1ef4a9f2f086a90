"""Actions from a group's page on one instance, and on the number of replicas. All are POST."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from groups.actions import lifecycle
from groups.models import Instance
from groups.nodes import instance_orders
from groups.web.forms import ScaleForm
from groups.web.group_page import group_page
from groups.web.requests import acts_on_group, group_of, to_group
from registries.foundation.ids import InstanceId
from registries.foundation.requests import ProjectRequest

INSTANCE_STALE = "The instance can't do that now: it changed since you opened the page. Here is its current state."


@require_POST
@acts_on_group()
def scale(request: ProjectRequest, /, org: str, project: str, name: str) -> HttpResponse:
    """Change the number of replicas."""
    group = group_of(request, name)
    form = ScaleForm(request.POST)
    if not form.is_valid():
        return group_page(request, group, scale_form=form)
    lifecycle.scale(group, form.cleaned_data["replicas"], by=request.actor)
    return to_group(request, group)


@require_POST
@acts_on_group(INSTANCE_STALE)
def restart(request: ProjectRequest, /, org: str, project: str, name: str, instance: InstanceId) -> HttpResponse:
    """Order the node to restart the container; its data is kept."""
    row = _instance_of(request, name, instance)
    instance_orders.restart(row, by=request.actor)
    return _ordered(request, row, "Its node restarts the container when it polls.")


@require_POST
@acts_on_group(INSTANCE_STALE)
def recreate(request: ProjectRequest, /, org: str, project: str, name: str, instance: InstanceId) -> HttpResponse:
    """Order the node to recreate the container; its data is lost."""
    row = _instance_of(request, name, instance)
    instance_orders.recreate(row, by=request.actor)
    return _ordered(request, row, "Its node recreates the container when it polls.")


@require_POST
@acts_on_group(INSTANCE_STALE)
def reallocate(request: ProjectRequest, /, org: str, project: str, name: str, instance: InstanceId) -> HttpResponse:
    """Move the instance to another node; its data is lost."""
    row = _instance_of(request, name, instance)
    instance_orders.reallocate(row, by=request.actor)
    return _ordered(request, row, "The instance goes to another node.")


def _instance_of(request: ProjectRequest, name: str, instance: InstanceId) -> Instance:
    return get_object_or_404(group_of(request, name).instances.all(), pk=instance)


def _ordered(request: ProjectRequest, instance: Instance, message: str) -> HttpResponse:
    messages.success(request, message)
    return to_group(request, instance.group)
