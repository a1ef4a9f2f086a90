"""From rows to responses. Nothing here writes, or queries the database once per row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import groups.failures  # noqa: F401 (its words are described here)
from groups.api.lookup import CountedGroup
from groups.api.unsupported import describe_unsupported
from groups.models import ContainerGroup, Failure, Image, ImageCheck, Instance
from groups.queries.pull_steps import StepLine
from groups.rules.sealed_settings import MASK, open_environment, open_options
from registries.failures import describe, where_met
from registries.foundation.ids import GroupId

NOWHERE = "00000000-0000-0000-0000-000000000000"
MIN_MEMORY_MB = 1024
MAX_DESCRIPTION_LENGTH = 1000
_SECRETS = frozenset({"api_token", "api_key", "ingestion_key", "token", "password"})
_NAMES = frozenset({"name", "queue_name", "schedule", "scheme", "format", "compression"})
"""Texts in options that name or choose something. Every other text may hold a secret."""
_UNCHANGED = ("liveness_probe", "readiness_probe", "startup_probe", "queue_autoscaler", "queue_connection")

Status = ContainerGroup.Status


def last_failures(groups: Sequence[ContainerGroup]) -> dict[GroupId, Failure]:
    """Return, by group id, the newest failure of each group whose pull, or next image's pull, failed."""
    failed = [group.pk for group in groups if group.status == Status.FAILED or _next_failed(group)]
    if not failed:
        return {}
    rows = Failure.objects.filter(group__in=failed).order_by("created_at")
    return {row.group_id: row for row in rows if row.group_id is not None}


def group_document(group: CountedGroup, failure: Failure | None, *, with_values: bool) -> dict[str, object]:
    """Return a group. Without `with_values`, every text that members write freely is masked: the command, the values
    of environment variables, the texts of probes, log targets and queue connections."""
    options = open_options(group)
    document: dict[str, object] = {
        "id": str(group.pk),
        "name": group.name,
        "display_name": options.get("display_name") or group.name,
        "organization_name": group.organization.slug,
        "project_name": group.project.slug,
        "container": _container(group, options, with_values=with_values),
        "autostart_policy": group.autostart,
        "replicas": group.replicas,
        "restart_policy": group.restart_policy,
        "priority": options.get("priority"),
        "country_codes": options.get("country_codes") or [],
        "current_state": _state(group, options, failure),
        "pending_change": group.is_changing,
        "version": group.version,
        "create_time": moment(group.created_at),
        "update_time": moment(group.changed_at),
        "scaling-actions": options.get("scaling-actions") or [],
        "scheduled-scaling-enabled": bool(options.get("scheduled-scaling-enabled")),
    }
    document |= {
        name: options[name] if with_values else mask_texts(options[name]) for name in _UNCHANGED if options.get(name)
    }
    if options.get("networking"):
        # There is no gateway; `.invalid` names never resolve.
        document["networking"] = options["networking"] | {"dns": f"{group.name}.invalid"}
    return document


def instance_document(instance: Instance) -> dict[str, object]:
    """Return an instance; its group was read with it."""
    runs = instance.state == Instance.State.RUNNING
    document: dict[str, object] = {
        "id": str(instance.pk),
        "machine_id": str(instance.node_id or NOWHERE),
        "state": instance.state,
        "update_time": moment(instance.changed_at),
        "version": instance.group.version,
        "deletion_cost": instance.deletion_cost,
        "ready": runs,
        "started": runs,
    }
    if instance.state == Instance.State.DOWNLOADING:
        document["pulling_progress"] = float(min(instance.progress, 100))
    return document


def moment(time: datetime) -> str:
    """Return a time as ISO 8601 with `Z`."""
    return time.isoformat().replace("+00:00", "Z")


def step_document(step: StepLine) -> dict[str, object]:
    """Return a step of a pull or check."""
    document: dict[str, object] = dict(vars(step))
    del document["seconds"]
    if step.seconds is not None:
        document["seconds"] = round(step.seconds, 3)
    return document


def describe_failure(failed: Failure | ImageCheck) -> dict[str, str]:
    """Return the code and the texts of a failed pull or check, and which service at which host it was met at."""
    words = failed.words
    document = {"code": failed.code, "title": words.title, "text": words.text, "remedy": words.remedy}
    return document | where_met(failed.params)


def _next_failed(group: ContainerGroup) -> bool:
    return group.next_image is not None and group.next_image.status == Image.Status.FAILED


def _container(group: ContainerGroup, options: Mapping[str, object], *, with_values: bool) -> dict[str, object]:
    image = group.image
    resources: dict[str, object] = {
        "cpu": group.cpu,
        # Pages allow less memory than clients of this API accept.
        "memory": max(group.memory_mb, MIN_MEMORY_MB),
        "gpu_classes": options.get("gpu_classes") or ([group.gpu] if group.gpu else []),
    }
    resources |= {name: options[name] for name in ("shm_size", "storage_amount") if options.get(name)}
    environment = open_environment(group)
    container: dict[str, object] = {
        "command": (group.command if with_values else [MASK] * len(group.command)) or None,
        "image": image.reference,
        "resources": resources,
        "environment_variables": environment if with_values else dict.fromkeys(environment, MASK),
    }
    if options.get("image_caching") is not None:
        container["image_caching"] = options["image_caching"]
    if options.get("logging"):
        logging = _masked(options["logging"])
        container["logging"] = logging if with_values else mask_texts(logging)
    if image.digest and image.status == Image.Status.READY:
        container |= {"hash": image.digest, "size": image.total_bytes or 0}
    return container


def mask_texts(value: object, name: str = "") -> object:
    """Return a JSON value with MASK in the place of each text, but for those whose field only names something."""
    if isinstance(value, dict):
        return {key: mask_texts(member, key) for key, member in value.items()}
    if isinstance(value, list):
        return [mask_texts(member, name) for member in value]
    return MASK if isinstance(value, str) and value and name not in _NAMES else value


def _masked(value: object) -> object:
    return {name: _masked_field(name, field) for name, field in value.items()} if isinstance(value, dict) else value


def _masked_field(name: str, value: object) -> object:
    if name in _SECRETS and value:
        return MASK
    if name == "headers" and isinstance(value, list):
        return [header | {"value": MASK} for header in value]
    return value if name == "headers" else _masked(value)


def _state(group: CountedGroup, options: Mapping[str, object], failure: Failure | None) -> dict[str, object]:
    state: dict[str, object] = {
        "status": group.status,
        "start_time": moment(group.image.started_at or group.created_at),
        "finish_time": moment(group.changed_at),
        "instance_status_counts": {
            name: getattr(group, name)
            for name in ("allocating_count", "creating_count", "running_count", "stopping_count")
        },
    }
    text = _description(group, options, failure)
    if text:
        state["description"] = text
    return state


def _description(group: ContainerGroup, options: Mapping[str, object], failure: Failure | None) -> str:
    if failure is not None:
        return _line(f"{failure.code}: {failure.words.text}")
    parts = []
    if group.status == Status.PENDING and group.image.retry_code:
        words = describe(group.image.retry_code, group.image.retry_params)
        parts.append(f"{group.image.retry_code}: {words.text} It will be retried automatically.")
    elif group.is_changing and group.next_image is not None:
        parts.append(f"{group.next_image.reference} is being pulled and will replace this image.")
    parts.append(describe_unsupported(options))
    return _line(" ".join(part for part in parts if part))


def _line(text: str) -> str:
    """Return the text as one line of at most MAX_DESCRIPTION_LENGTH characters."""
    text = " ".join(text.split())
    return text if len(text) <= MAX_DESCRIPTION_LENGTH else text[: MAX_DESCRIPTION_LENGTH - 1] + "…"
