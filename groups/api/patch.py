"""From a request to a group's options and changes, which `groups.actions.update` applies."""

from __future__ import annotations

from groups.actions.update import RESOURCES, GroupChanges
from groups.api.credentials import new_credential, read_reference
from groups.api.schemas.base import Shape
from groups.api.schemas.container import UpdateContainer
from groups.api.schemas.group import ContainerGroupPatch, ContainerGroupPrototype
from groups.models import ContainerGroup
from registries.oci.reference import parse

_OPTIONS = (
    "display_name", "country_codes", "liveness_probe", "readiness_probe", "startup_probe", "networking",
    "queue_autoscaler", "queue_connection", "scaling_actions", "scheduled_scaling_enabled",
)  # fmt: skip
_OF_CONTAINER = ("logging", "priority", "image_caching")
_WRITTEN = {"scaling_actions": "scaling-actions", "scheduled_scaling_enabled": "scheduled-scaling-enabled"}
_AUTHENTICATION = "container.registry_authentication"


def read_options(payload: ContainerGroupPrototype | ContainerGroupPatch) -> dict[str, object]:
    """Return the options in the request that have no column, as they are stored; None for removed ones."""
    options = _given(payload, _OPTIONS)
    if payload.container is not None:
        options |= _given(payload.container, _OF_CONTAINER)
        if payload.container.resources is not None:
            options |= _given(payload.container.resources, RESOURCES)
    return options


def read_changes(group: ContainerGroup, payload: ContainerGroupPatch) -> GroupChanges:
    """Return the changes that the request asks for. Raises Refusal with the field."""
    options = read_options(payload)
    container = payload.container
    if container is None:
        return GroupChanges(options=options, replicas=payload.replicas)
    reference = read_reference(container.image, field="container.image") if container.image is not None else None
    return GroupChanges(
        options=options,
        replicas=payload.replicas,
        command=_command(container),
        cpu=container.resources.cpu if container.resources else None,
        memory_mb=container.resources.memory if container.resources else None,
        environment=container.environment_variables,
        reference=reference,
        credential=new_credential(
            container.registry_authentication,
            reference or parse(group.image.reference),
            name=f"for {group.name}",
            field=_AUTHENTICATION,
        ),
    )


def _command(container: UpdateContainer) -> list[str] | None:
    """The command; None if the request has none, empty if it is null."""
    return (container.command or []) if "command" in container.model_fields_set else None


def _given(shape: Shape, names: tuple[str, ...]) -> dict[str, object]:
    values = shape.model_dump(mode="json", include=set(names), exclude_none=True, by_alias=False)
    present = shape.model_fields_set & set(names)
    return {_WRITTEN.get(name, name): values.get(name) for name in names if name in present}
