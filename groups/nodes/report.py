"""The report in a node's poll, parsed strictly. `groups.nodes.reconcile` acts on it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from groups.models import Instance
from groups.rules.group_settings import MAX_GPU_CLASS_LENGTH, MAX_PLATFORM_LENGTH
from registries.foundation.ids import InstanceId
from registries.foundation.refusal import Refusal
from registries.oci.platform import Platform

MAX_INSTANCES = 1000
MAX_CPU = 4096
MAX_MEMORY_MB = 2**30
MAX_MESSAGE_LENGTH = 300
EXITED = "exited"
"""The reported state of a container that has ended; no instance's row has that state."""
STATES = (*Instance.State.values, EXITED)
MAX_EXIT_CODE = 255
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


class ReportInvalid(Refusal):
    """The report is invalid; the message names the field and what it must be."""

    code = "invalid"
    title = "The report can't be read"
    status = 400


@dataclass(frozen=True)
class Capacity:
    """The node's total capacity: whole cores, MiB, and the GPU's class or nothing."""

    cpu: int
    memory_mb: int
    gpu: str = ""


@dataclass(frozen=True)
class Reported:
    """One instance as its node reports it. `state` is one of Instance.State or EXITED; `allocating` gives the instance
    back. `progress` is a percentage, `exit_code` that of the container's last end, always present with EXITED."""

    id: InstanceId
    state: str
    progress: int = 0
    message: str = ""
    exit_code: int | None = None


@dataclass(frozen=True)
class Report:
    """The node's capacity, all of its instances, and its platform, empty if it says none."""

    capacity: Capacity
    instances: tuple[Reported, ...] = ()
    platform: str = ""


def read_report(document: Mapping[str, object]) -> Report:
    """Parse the body of a poll. Ignores unknown fields. Raises ReportInvalid."""
    capacity, listed = document.get("capacity"), document.get("instances")
    if not isinstance(capacity, dict):
        raise ReportInvalid("capacity is an object with cpu, memory_mb and gpu.")
    if not isinstance(listed, list) or len(listed) > MAX_INSTANCES:
        raise ReportInvalid(f"instances is a list of at most {MAX_INSTANCES} objects.")
    instances = tuple(_reported(item) for item in listed)
    if len({instance.id for instance in instances}) != len(instances):
        raise ReportInvalid("instances names each id once.")
    return Report(
        Capacity(
            cpu=_whole(capacity.get("cpu"), MAX_CPU, "capacity.cpu"),
            memory_mb=_whole(capacity.get("memory_mb"), MAX_MEMORY_MB, "capacity.memory_mb"),
            gpu=_text(capacity.get("gpu"), MAX_GPU_CLASS_LENGTH, "capacity.gpu"),
        ),
        instances,
        _platform(document.get("platform")),
    )


def _platform(value: object) -> str:
    """A platform in its one spelling, or nothing."""
    if value is None or value == "":
        return ""
    try:
        platform = str(Platform.parse(value)) if isinstance(value, str) else ""
    except ValueError:
        platform = ""
    if not platform or len(platform) > MAX_PLATFORM_LENGTH:
        raise ReportInvalid("platform is written os/architecture, such as linux/arm64.")
    return platform


def _reported(item: object) -> Reported:
    if not isinstance(item, dict):
        raise ReportInvalid("instances holds objects with id, state, progress and message.")
    try:
        instance_id = InstanceId(uuid.UUID(item.get("id")))
    except (ValueError, TypeError, AttributeError):
        raise ReportInvalid("instances.id is the id that start gave.") from None
    state = item.get("state")
    if not isinstance(state, str) or state not in STATES:
        raise ReportInvalid(f"instances.state is one of {', '.join(STATES)}.")
    exit_code = item.get("exit_code")
    if exit_code is not None or state == EXITED:
        exit_code = _whole(exit_code, MAX_EXIT_CODE, "instances.exit_code")
    return Reported(
        id=instance_id,
        state=state,
        progress=_whole(0 if item.get("progress") is None else item["progress"], 100, "instances.progress"),
        message=_text(item.get("message"), MAX_MESSAGE_LENGTH, "instances.message"),
        exit_code=exit_code,
    )


def _whole(value: object, maximum: int, field: str) -> int:
    """A number from 0 to `maximum`, rounded down."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= maximum:
        raise ReportInvalid(f"{field} is a number from 0 to {maximum}.")
    return int(value)


def _text(value: object, max_length: int, field: str) -> str:
    """A line of text or nothing; unprintable characters become blanks, longer text is cut."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ReportInvalid(f"{field} is text.")
    return _UNPRINTABLE.sub(" ", value)[:max_length].strip()
