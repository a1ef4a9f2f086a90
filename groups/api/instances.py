"""Instances of a container group: list, get, update, reallocate, recreate, restart."""

from __future__ import annotations

from typing import Protocol

from ninja import Router, Status

from groups.api.container_groups import ONE
from groups.api.errors import not_found, not_now
from groups.api.lookup import find_group, find_instance
from groups.api.representations import instance_document
from groups.api.responses import reading, writing
from groups.api.schemas.instance import (
    ContainerGroupInstance,
    ContainerGroupInstanceCollection,
    ContainerGroupInstancePatch,
)
from groups.models import Instance
from groups.nodes import instance_orders
from groups.rules.states import MoveForbidden, Stale
from registries.foundation.actor import Actor
from registries.foundation.requests import ApiRequest

router = Router(tags=["container_groups"], by_alias=True, exclude_unset=True)

INSTANCES = ONE + "/instances"
INSTANCE = INSTANCES + "/{container_group_instance_id}"
MAX_LISTED = 1000


@router.get(
    INSTANCES, response=reading(ContainerGroupInstanceCollection), operation_id="list_container_group_instances"
)
def list_container_group_instances(
    request: ApiRequest, organization_name: str, project_name: str, container_group_name: str
) -> dict[str, object]:
    """List the group's instances."""
    group = find_group(request, project_name, container_group_name)
    rows = Instance.objects.filter(group=group).select_related("group")[:MAX_LISTED]
    return {"instances": [instance_document(instance) for instance in rows]}


@router.get(INSTANCE, response=reading(ContainerGroupInstance, 202), operation_id="get_container_group_instance")
def get_container_group_instance(
    request: ApiRequest,
    organization_name: str,
    project_name: str,
    container_group_name: str,
    container_group_instance_id: str,
) -> Status[dict[str, object]]:
    """Get an instance."""
    row = find_instance(request, project_name, container_group_name, container_group_instance_id)
    return Status(202, instance_document(row))


@router.patch(INSTANCE, response=writing(ContainerGroupInstance, 200), operation_id="update_container_group_instance")
def update_container_group_instance(
    request: ApiRequest,
    organization_name: str,
    project_name: str,
    container_group_name: str,
    container_group_instance_id: str,
    payload: ContainerGroupInstancePatch,
) -> Status[dict[str, object]]:
    """Set the deletion cost of an instance. Instances with a low cost are stopped first when there are too many."""
    row = find_instance(request, project_name, container_group_name, container_group_instance_id)
    if payload.deletion_cost is not None:
        try:
            instance_orders.set_deletion_cost(row, payload.deletion_cost, by=request.actor)
        except Stale:
            raise not_found() from None
    return Status(200, instance_document(row))


class _Action(Protocol):
    def __call__(self, instance: Instance, *, by: Actor) -> Instance: ...


def _add_order(name: str, action: _Action, description: str, refused: str) -> None:
    """Add the operation `name` on an instance, which runs `action`. `refused` is the message if it can't run now."""

    def order(
        request: ApiRequest,
        organization_name: str,
        project_name: str,
        container_group_name: str,
        container_group_instance_id: str,
    ) -> Status[None]:
        row = find_instance(request, project_name, container_group_name, container_group_instance_id)
        try:
            action(row, by=request.actor)
        except (Stale, MoveForbidden):
            raise not_now(refused) from None
        return Status(202, None)

    order.__name__ = operation = f"{name}_container_group_instance"
    router.post(f"{INSTANCE}/{name}", response=writing(None, 202), operation_id=operation, description=description)(
        order
    )


_add_order(
    "reallocate",
    instance_orders.reallocate,
    "Move the instance to another node. Its data is lost.",
    "No node has this instance, so it can't be moved.",
)
_add_order(
    "recreate",
    instance_orders.recreate,
    "Recreate the container on the same node. Its data is lost.",
    "Only a running instance can be recreated.",
)
_add_order(
    "restart",
    instance_orders.restart,
    "Restart the container on the same node. Its data is kept.",
    "Only a running instance can be restarted.",
)
