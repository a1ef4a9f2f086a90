"""From rows to responses. Nothing here writes, or queries the database once per row."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import groups.failures  # noqa: F401 (its words are described here)
from groups.api.unsupported import describe_unsupported
from groups.models import ContainerGroup, Failure, Image, ImageCheck, Instance
from groups.queries.pull_steps import StepLine
from groups.rules.sealed_settings import MASK, open_environment, open_options
from registries.failures import describe

NOWHERE = "00000000-0000-0000-0000-000000000000"
LEAST_MEMORY = 1024
MAX_DESCRIPTION_LENGTH = 1000
_SECRETS = frozenset({"api_token", "api_key", "ingestion_key", "token", "password"})
_AS_KEPT = ("liveness_probe", "readiness_probe", "startup_probe", "queue_autoscaler", "queue_connection")

Status = ContainerGroup.Status


def last_failures(groups: list[Any]) -> dict[Any, Failure]:
    """Return, by group id, the newest failure of each group whose pull, or next image's pull, failed."""
    failed = [each.pk for each in groups if each.status == Status.FAILED or _next_failed(each)]
    if not failed:
        return {}
    return {each.group_id: each for each in Failure.objects.filter(group__in=failed).order_by("created_at")}


def group_answer(group: Any, failure: Failure | None, *, with_values: bool) -> dict[str, Any]:
    """A group as `groups.api.lookup` reads it. `with_values` shows the values of environment variables."""
    options = open_options(group)
    answer: dict[str, Any] = {
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
    answer |= {name: options[name] for name in _AS_KEPT if options.get(name)}
    if options.get("networking"):
        # A name that is reserved to lead nowhere: there is no gateway.
        answer["networking"] = options["networking"] | {"dns": f"{group.name}.invalid"}
    return answer


def instance_answer(instance: Instance) -> dict[str, Any]:
    """An instance with its group."""
    runs = instance.state == Instance.State.RUNNING
    answer = {
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
        answer["pulling_progress"] = float(min(instance.progress, 100))
    return answer


def moment(time: datetime) -> str:
    """Return a time as ISO 8601 with `Z`."""
    return time.isoformat().replace("+00:00", "Z")


def step_answer(step: StepLine) -> dict[str, Any]:
    """Return a step of a pull or check."""
    answer = dict(vars(step))
    if answer["seconds"] is None:
        del answer["seconds"]
    else:
        answer["seconds"] = round(answer["seconds"], 3)
    return answer


def in_words(failed: Failure | ImageCheck) -> dict[str, str]:
    """Return the code and the texts of a failure."""
    words = failed.words
    return {"code": failed.code, "title": words.title, "text": words.text, "remedy": words.remedy}


def described(failure: Failure) -> str:
    """Return a failure as `<code>: <text>`."""
    return _line(f"{failure.code}: {failure.words.text}")


def _next_failed(group: ContainerGroup) -> bool:
    return group.next_image is not None and group.next_image.status == Image.Status.FAILED


def _container(group: ContainerGroup, options: dict[str, Any], *, with_values: bool) -> dict[str, Any]:
    image = group.image
    resources: dict[str, Any] = {
        "cpu": group.cpu,
        # Pages allow less than clients of this API expect to read.
        "memory": max(group.memory_mb, LEAST_MEMORY),
        "gpu_classes": options.get("gpu_classes") or ([group.gpu] if group.gpu else []),
    }
    resources |= {name: options[name] for name in ("shm_size", "storage_amount") if options.get(name)}
    environment = open_environment(group)
    container: dict[str, Any] = {
        "command": group.command or None,
        "image": image.reference,
        "resources": resources,
        "environment_variables": environment if with_values else dict.fromkeys(environment, MASK),
    }
    if options.get("image_caching") is not None:
        container["image_caching"] = options["image_caching"]
    if options.get("logging"):
        container["logging"] = _masked(options["logging"])
    if image.digest and image.status == Image.Status.READY:
        container |= {"hash": image.digest, "size": image.total_bytes or 0}
    return container


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: MASK if (name in _SECRETS and each) else _headers(each) if name == "headers" else _masked(each)
            for name, each in value.items()
        }
    return value


def _headers(headers: Any) -> Any:
    return [each | {"value": MASK} for each in headers] if isinstance(headers, list) else headers


def _state(group: Any, options: dict[str, Any], failure: Failure | None) -> dict[str, Any]:
    state = {
        "status": group.status,
        "start_time": moment(group.image.started_at or group.created_at),
        "finish_time": moment(group.changed_at),
        "instance_status_counts": {
            name: getattr(group, name)
            for name in ("allocating_count", "creating_count", "running_count", "stopping_count")
        },
    }
    text = _description(group, options, failure)
    return state | {"description": text} if text else state


def _description(group: ContainerGroup, options: dict[str, Any], failure: Failure | None) -> str:
    if failure is not None:
        return described(failure)
    parts = []
    if group.status == Status.PENDING and group.image.retry_code:
        words = describe(group.image.retry_code, group.image.retry_params)
        parts.append(f"{group.image.retry_code}: {words.text} It is tried again by itself.")
    elif group.is_changing and group.next_image is not None:
        parts.append(f"{group.next_image.reference} is being pulled and then takes the place of this image.")
    parts.append(describe_unsupported(options))
    return _line(" ".join(each for each in parts if each))


def _line(text: str) -> str:
    """Return the text as one line of at most MAX_DESCRIPTION_LENGTH characters."""
    text = " ".join(text.split())
    return text if len(text) <= MAX_DESCRIPTION_LENGTH else text[: MAX_DESCRIPTION_LENGTH - 1] + "…"
