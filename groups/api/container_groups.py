"""Container groups: list, create, get, change, delete, start, stop."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, transaction
from django.urls import reverse
from ninja import Router, Status

from groups import actions, change_actions
from groups.api.answers import group_answer, last_failures
from groups.api.changes import apply_patch, kept_options
from groups.api.credentials import add_from, read_reference
from groups.api.found import find_group, find_project, groups_of
from groups.api.refused import Refused, not_found, not_now
from groups.api.responses import reading, writing
from groups.api.schemas.group import (
    ContainerGroup,
    ContainerGroupCollection,
    ContainerGroupPatch,
    ContainerGroupPrototype,
)
from groups.models import ContainerGroup as Group
from groups.options import open_options
from groups.rules.group_settings import NAME_TAKEN, RESERVED_NAMES
from groups.states import MoveForbidden, Stale

router = Router(tags=["container_groups"], by_alias=True, exclude_unset=True)

CONTAINERS = "/organizations/{organization_name}/projects/{project_name}/containers"
ONE = CONTAINERS + "/{container_group_name}"
REQUEST = "request"
"""Under this name the fingerprint of the request that made a group stands among its options."""


@router.get(CONTAINERS, response=reading(ContainerGroupCollection), operation_id="list_container_groups")
def list_container_groups(request: Any, organization_name: str, project_name: str) -> dict[str, Any]:
    """The project's container groups."""
    groups = list(groups_of(request, project_name))
    failures = last_failures(groups)
    return {"items": [_answer(request, each, failures) for each in groups]}


@router.post(CONTAINERS, response=writing(ContainerGroup, 201), operation_id="create_container_group")
def create_container_group(
    request: Any, organization_name: str, project_name: str, payload: ContainerGroupPrototype
) -> Status:
    """Create a container group and have its image pulled. The same request once more gets the same group."""
    find_project(request, project_name)
    if payload.name in RESERVED_NAMES:
        raise Refused(400, "name_reserved", f"{payload.name} can't be the name of a group.", field="name")
    reference = read_reference(payload.container.image, field="container.image")
    mark = _fingerprint(payload)
    try:
        with transaction.atomic():
            if (there := _there_already(request, project_name, payload.name, mark)) is not None:
                return Status(201, there)
            credential = add_from(
                payload.container.registry_authentication,
                reference,
                organization_id=request.organization.pk,
                name=f"for {payload.name}",
                field="container.registry_authentication",
            )
            options = kept_options(payload) | {REQUEST: mark}
            classes = options.get("gpu_classes") or [""]
            group = actions.create(
                organization_id=request.organization.pk,
                project_id=request.project.pk,
                name=payload.name,
                reference=reference,
                credential=credential,
                replicas=payload.replicas,
                cpu=payload.container.resources.cpu,
                memory_mb=payload.container.resources.memory,
                gpu=classes[0],
                command=payload.container.command,
                environment=payload.container.environment_variables,
                restart_policy=payload.restart_policy,
                autostart=payload.autostart_policy,
                options=options,
            )
            record(request, "group.created", group.name, group.image.reference)
    except IntegrityError:
        there = _there_already(request, project_name, payload.name, mark)
        if there is None:
            raise
        return Status(201, there)
    return Status(201, _one(request, project_name, group.name))


@router.get(ONE, response=reading(ContainerGroup), operation_id="get_container_group")
def get_container_group(
    request: Any, organization_name: str, project_name: str, container_group_name: str
) -> dict[str, Any]:
    """One container group."""
    return _one(request, project_name, container_group_name)


@router.patch(ONE, response=writing(ContainerGroup, 200), operation_id="update_container_group")
def update_container_group(
    request: Any, organization_name: str, project_name: str, container_group_name: str, payload: ContainerGroupPatch
) -> Status:
    """Change a container group. Another image is pulled first, then what runs is replaced; another command,
    environment or other resources replace it at once."""
    group = find_group(request, project_name, container_group_name)
    try:
        with transaction.atomic():
            change_actions.lock(group)
            changed = apply_patch(group, payload, organization_id=request.organization.pk)
            if changed:
                record(request, "group.changed", group.name, ", ".join(changed))
    except Stale:
        raise not_found() from None
    return Status(200, _one(request, project_name, container_group_name))


@router.delete(ONE, response=writing(None, 202), operation_id="delete_container_group")
def delete_container_group(
    request: Any, organization_name: str, project_name: str, container_group_name: str
) -> Status:
    """Delete a container group, with its image."""
    group = find_group(request, project_name, container_group_name)
    with transaction.atomic():
        actions.delete(group)
        request.record("group.deleted", group.name)
    return Status(202, None)


@router.post(ONE + "/start", response=writing(None, 202), operation_id="start_container_group")
def start_container_group(request: Any, organization_name: str, project_name: str, container_group_name: str) -> Status:
    """Have the group's replicas run. Nothing happens where they do."""
    group = find_group(request, project_name, container_group_name)
    return _act(request, group, actions.start, "group.started", unless=Group.ACTIVE)


@router.post(ONE + "/stop", response=writing(None, 202), operation_id="stop_container_group")
def stop_container_group(request: Any, organization_name: str, project_name: str, container_group_name: str) -> Status:
    """Stop the group. Nothing happens where it is stopped."""
    group = find_group(request, project_name, container_group_name)
    return _act(request, group, actions.stop, "group.stopped", unless=(Group.Status.STOPPED, Group.Status.SUCCEEDED))


def record(request: Any, verb: str, name: str, detail: str = "") -> None:
    """Write down what was done to a group of the request's project."""
    address = reverse("groups:detail", args=[request.organization.slug, request.project.slug, name])
    request.record(verb, name, detail, address=address)


def _act(request: Any, group: Group, action: Callable[[Group], Any], verb: str, *, unless: tuple[str, ...]) -> Status:
    if group.status not in unless:
        try:
            with transaction.atomic():
                action(group)
                record(request, verb, group.name)
        except (Stale, MoveForbidden):
            text = f"{group.name} is {group.status}; wait until that is over, and see its current_state."
            raise not_now(text) from None
    return Status(202, None)


def _one(request: Any, project_name: str, name: str) -> dict[str, Any]:
    group = find_group(request, project_name, name)
    return _answer(request, group, last_failures([group]))


def _answer(request: Any, group: Any, failures: dict[Any, Any]) -> dict[str, Any]:
    return group_answer(group, failures.get(group.pk), with_values=request.may_write)


def _there_already(request: Any, project_name: str, name: str, mark: str) -> dict[str, Any] | None:
    """The group of that name if the very same request made it, None where there is none. Raises Refused."""
    there = groups_of(request, project_name).filter(name=name).first()
    if there is None:
        return None
    if there.version != 1 or open_options(there).get(REQUEST) != mark:
        raise Refused(409, "name_taken", NAME_TAKEN, field="name")
    return _answer(request, there, last_failures([there]))


def _fingerprint(payload: ContainerGroupPrototype) -> str:
    """What tells a repeated request from another one; what a registry is shown is not part of it."""
    asked = payload.model_dump(mode="json", exclude={"container": {"registry_authentication"}})
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
