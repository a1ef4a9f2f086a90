"""What a request says about a group's options, and what a change makes of them."""

from __future__ import annotations

from typing import Any

from groups import actions
from groups.api.credentials import add_from, read_reference
from groups.api.refused import Refused
from groups.api.schemas.container import UpdateContainer
from groups.api.schemas.group import ContainerGroupPatch, ContainerGroupPrototype
from groups.change_actions import change, replace_image
from groups.environment import open_environment
from groups.models import ContainerGroup
from groups.options import open_options, with_kept
from groups.rules.group_settings import MAX_VARIABLES

_OPTIONS = (
    "display_name", "country_codes", "liveness_probe", "readiness_probe", "startup_probe", "networking",
    "queue_autoscaler", "queue_connection", "scaling_actions", "scheduled_scaling_enabled",
)  # fmt: skip
_OF_CONTAINER = ("logging", "priority", "image_caching")
_OF_RESOURCES = ("gpu_classes", "shm_size", "storage_amount")
_WRITTEN = {"scaling_actions": "scaling-actions", "scheduled_scaling_enabled": "scheduled-scaling-enabled"}


def kept_options(payload: ContainerGroupPrototype | ContainerGroupPatch) -> dict[str, Any]:
    """What the request gives of all that has no column, as it is kept; null for what it takes away."""
    options = _given(payload, _OPTIONS)
    if payload.container is not None:
        options |= _given(payload.container, _OF_CONTAINER)
        if payload.container.resources is not None:
            options |= _given(payload.container.resources, _OF_RESOURCES)
    return options


def apply_patch(group: ContainerGroup, payload: ContainerGroupPatch, *, organization_id: Any) -> list[str]:
    """Change the locked group; return what was changed, in words. Raises Refused with the field, and Stale."""
    old = open_options(group)
    options = _merged(old, kept_options(payload))
    columns: dict[str, Any] = {}
    environment = None
    if payload.container is not None:
        columns, environment = _of_container(group, payload.container)
    if options.get("gpu_classes") != old.get("gpu_classes"):
        columns["gpu"] = (options.get("gpu_classes") or [""])[0]
    changed = sorted({_name(each) for each in options.keys() | old.keys() if options.get(each) != old.get(each)})
    changed += sorted({*columns, *(["environment"] if environment is not None else [])} - {"gpu"})
    if changed:
        change(group, options=options, environment=environment, **columns)
    if payload.replicas is not None and payload.replicas != group.replicas:
        actions.scale(group, payload.replicas)
        changed.append(f"replicas {payload.replicas}")
    if payload.container is not None and (reference := _another_image(group, payload.container)) is not None:
        credential = add_from(
            payload.container.registry_authentication,
            reference,
            organization_id=organization_id,
            name=f"for {group.name}",
            field="container.registry_authentication",
        )
        replace_image(group, reference=reference, credential=credential)
        changed.append(str(reference))
    return changed


def _another_image(group: ContainerGroup, container: UpdateContainer) -> Any:
    """The image to pull, if there is one: another one, or with what a registry is shown given anew the same."""
    authentication = container.registry_authentication
    brings = authentication is not None and bool(authentication.model_dump(exclude_none=True))
    if container.image is None and not brings:
        return None
    reference = read_reference(container.image or group.image.reference, field="container.image")
    awaited = group.next_image or group.image
    if str(reference) == awaited.reference and not brings and awaited.status != "failed":
        return None
    return reference


def _of_container(group: ContainerGroup, given: UpdateContainer) -> tuple[dict[str, Any], dict[str, str] | None]:
    columns: dict[str, Any] = {}
    if "command" in given.model_fields_set and (given.command or []) != group.command:
        columns["command"] = given.command or []
    for name, column in (("cpu", "cpu"), ("memory", "memory_mb")):
        value = getattr(given.resources, name, None)
        if value is not None and value != getattr(group, column):
            columns[column] = value
    if given.environment_variables is None:
        return columns, None
    before = open_environment(group)
    merged: dict[str, str | None] = {**before, **with_kept(given.environment_variables, before)}
    after = {name: value for name, value in merged.items() if value is not None}
    if len(after) > MAX_VARIABLES:
        text = f"A group has at most {MAX_VARIABLES} variables."
        raise Refused(400, "invalid", text, field="container.environment_variables")
    return columns, after if after != before else None


def _merged(old: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    options = dict(old)
    for name, value in given.items():
        if name == "networking" and value is not None and "protocol" not in value:
            if not old.get("networking"):
                raise Refused(400, "invalid", "This group has no networking to change.", field="networking")
            value = old["networking"] | {key: each for key, each in value.items() if each is not None}
        if value is None:
            options.pop(name, None)
        else:
            options[name] = with_kept(value, old.get(name))
    return options


def _given(shape: Any, names: tuple[str, ...]) -> dict[str, Any]:
    asked = shape.model_dump(mode="json", include=set(names), exclude_none=True, by_alias=False)
    present = shape.model_fields_set & set(names)
    return {_WRITTEN.get(name, name): asked.get(name) for name in names if name in present}


def _name(option: str) -> str:
    return "resources" if option in _OF_RESOURCES else option
