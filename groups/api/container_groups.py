"""Container groups: list, create, get, update, delete, start, stop."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Protocol

from ninja import Router, Status

from groups.actions import lifecycle, update
from groups.api.credentials import new_credential, read_reference
from groups.api.errors import not_found, not_now
from groups.api.lookup import CountedGroup, find_group, find_project, groups_of
from groups.api.patch import read_changes, read_options
from groups.api.representations import group_document, last_failures
from groups.api.responses import reading, writing
from groups.api.schemas.group import (
    ContainerGroup,
    ContainerGroupCollection,
    ContainerGroupPatch,
    ContainerGroupPrototype,
)
from groups.models import ContainerGroup as Group
from groups.models import Failure
from groups.rules.group_settings import RESERVED_NAMES, NameTaken
from groups.rules.sealed_settings import open_options
from groups.rules.states import MoveForbidden, Stale
from registries.foundation.actor import Actor
from registries.foundation.ids import GroupId
from registries.foundation.refusal import Refusal
from registries.foundation.requests import ApiRequest
from registries.trusts.rows import find_trust

router = Router(tags=["container_groups"], by_alias=True, exclude_unset=True)

CONTAINERS = "/organizations/{organization_name}/projects/{project_name}/containers"
ONE = CONTAINERS + "/{container_group_name}"
REQUEST = "request"
"""Name of the option that holds the fingerprint of the request that created a group."""


@router.get(CONTAINERS, response=reading(ContainerGroupCollection), operation_id="list_container_groups")
def list_container_groups(request: ApiRequest, organization_name: str, project_name: str) -> dict[str, object]:
    """List the project's container groups."""
    groups = list(groups_of(request, project_name))
    failures = last_failures(groups)
    return {"items": [_document(request, group, failures) for group in groups]}


@router.post(CONTAINERS, response=writing(ContainerGroup, 201), operation_id="create_container_group")
def create_container_group(
    request: ApiRequest, organization_name: str, project_name: str, payload: ContainerGroupPrototype
) -> Status[dict[str, object]]:
    """Create a container group and start the pull of its image. Repeating the same request returns the same group."""
    find_project(request, project_name)
    if payload.name in RESERVED_NAMES:
        text = f"{payload.name} can't be the name of a group."
        raise Refusal(text, code="name_reserved", status=400, field="name")
    reference = read_reference(payload.container.image, field="container.image")
    fingerprint = _fingerprint(payload)
    if (existing := _existing(request, project_name, payload.name, fingerprint)) is not None:
        return Status(201, existing)
    resources = payload.container.resources
    try:
        group = lifecycle.create(
            organization_id=request.organization.pk,
            project_id=request.project.pk,
            name=payload.name,
            reference=reference,
            credential=new_credential(
                payload.container.registry_authentication,
                reference,
                name=f"for {payload.name}",
                field="container.registry_authentication",
            )
            or find_trust(request.organization.pk, request.project.pk, reference.registry),
            replicas=payload.replicas,
            cpu=resources.cpu,
            memory_mb=resources.memory,
            gpu=(resources.gpu_classes or [""])[0],
            command=payload.container.command,
            environment=payload.container.environment_variables,
            restart_policy=payload.restart_policy,
            autostart=payload.autostart_policy,
            options=read_options(payload) | {REQUEST: fingerprint},
            by=request.actor,
        )
    except NameTaken:  # by a request at the same time
        existing = _existing(request, project_name, payload.name, fingerprint)
        if existing is None:
            raise
        return Status(201, existing)
    return Status(201, group_response(request, project_name, group.name))


@router.get(ONE, response=reading(ContainerGroup), operation_id="get_container_group")
def get_container_group(
    request: ApiRequest, organization_name: str, project_name: str, container_group_name: str
) -> dict[str, object]:
    """Get a container group."""
    return group_response(request, project_name, container_group_name)


@router.patch(ONE, response=writing(ContainerGroup, 200), operation_id="update_container_group")
def update_container_group(
    request: ApiRequest,
    organization_name: str,
    project_name: str,
    container_group_name: str,
    payload: ContainerGroupPatch,
) -> Status[dict[str, object]]:
    """Change a container group. A new image is pulled first and then replaces what runs. A new command, environment or
    resources replace it immediately."""
    group = find_group(request, project_name, container_group_name)
    try:
        update.update(group, read_changes(group, payload), by=request.actor)
    except Stale:
        raise not_found() from None
    return Status(200, group_response(request, project_name, container_group_name))


@router.delete(ONE, response=writing(None, 202), operation_id="delete_container_group")
def delete_container_group(
    request: ApiRequest, organization_name: str, project_name: str, container_group_name: str
) -> Status[None]:
    """Delete a container group and its image."""
    group = find_group(request, project_name, container_group_name)
    lifecycle.delete(group, by=request.actor)
    return Status(202, None)


@router.post(ONE + "/start", response=writing(None, 202), operation_id="start_container_group")
def start_container_group(
    request: ApiRequest, organization_name: str, project_name: str, container_group_name: str
) -> Status[None]:
    """Start the group's replicas. Does nothing if they are running."""
    group = find_group(request, project_name, container_group_name)
    return _act(request, group, lifecycle.start, unless=Group.ACTIVE)


@router.post(ONE + "/stop", response=writing(None, 202), operation_id="stop_container_group")
def stop_container_group(
    request: ApiRequest, organization_name: str, project_name: str, container_group_name: str
) -> Status[None]:
    """Stop the group. Does nothing if it is stopped."""
    group = find_group(request, project_name, container_group_name)
    return _act(request, group, lifecycle.stop, unless=(Group.Status.STOPPED, Group.Status.SUCCEEDED))


class _Action(Protocol):
    def __call__(self, group: Group, *, by: Actor) -> Group: ...


def _act(request: ApiRequest, group: Group, action: _Action, *, unless: tuple[str, ...]) -> Status[None]:
    if group.status not in unless:
        try:
            action(group, by=request.actor)
        except (Stale, MoveForbidden):
            text = f"{group.name} is {group.status}. Wait for another current_state, and try again."
            raise not_now(text) from None
    return Status(202, None)


def group_response(request: ApiRequest, project_name: str, name: str) -> dict[str, object]:
    """Return the group as responses have it. Raises Refusal."""
    group = find_group(request, project_name, name)
    return _document(request, group, last_failures([group]))


def _document(request: ApiRequest, group: CountedGroup, failures: Mapping[GroupId, Failure]) -> dict[str, object]:
    return group_document(group, failures.get(group.pk), with_values=request.may_write)


def _existing(request: ApiRequest, project_name: str, name: str, fingerprint: str) -> dict[str, object] | None:
    """Return the group of that name if the same request created it, None if there is none. Raises NameTaken."""
    group = groups_of(request, project_name).filter(name=name).first()
    if group is None:
        return None
    if group.version != 1 or open_options(group).get(REQUEST) != fingerprint:
        raise NameTaken
    return _document(request, group, last_failures([group]))


def _fingerprint(payload: ContainerGroupPrototype) -> str:
    """Return a hash that identifies a repeated request. The registry credential is not part of it."""
    body = payload.model_dump(mode="json", exclude={"container": {"registry_authentication"}})
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
