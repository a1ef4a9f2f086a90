"""What a group's state means now, in a sentence, and the pull's steps as a row that people can follow.

View-models only: nothing here writes, and the words of failures stand with their classes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

from django.utils.dateparse import parse_datetime

from groups.ingest.limits import human
from groups.ingest.settle import MOST_ATTEMPTS, MOST_INTERRUPTED
from groups.models import ContainerGroup, Failure, Image, Instance, Layer, PullStep
from registries.failures import Interrupted, describe

Status, State = ContainerGroup.Status, Instance.State
Outcome, Name = PullStep.Outcome, PullStep.Name

WAITING = "waiting"
LEAST_SECONDS = 2.0
"""A rate that was measured for less than this says nothing about the time that is left."""
_DOING = {
    Name.RESOLVE: "Looking for {registry}",
    Name.CONNECT: "Connecting to {registry}",
    Name.AUTHENTICATE: "Signing in at {registry}",
    Name.MANIFEST: "Reading the manifest of {repository}",
    Name.PLATFORM: "Choosing the platform {platform}",
    Name.SIZE: "Judging the size",
    Name.LAYERS: "Pulling the layers",
    Name.STORE: "Checking that everything is stored",
    Name.DESTROY: "Destroying the credential",
}


@dataclass(frozen=True)
class Step:
    """One step of a pull as a page shows it. `outcome` is `waiting`, `running`, `ok` or `failed`; `seconds` is how
    long it took, None before its end."""

    name: str
    label: str
    outcome: str
    detail: str = ""
    raw: str = ""
    started_at: datetime | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Progress:
    """How far the layers have come. Bytes, and layers counted from 1; `seconds_left` is None while unknown."""

    received: int
    total: int
    layer: int
    layers: int
    seconds_left: int | None


def steps(rows: Iterable[PullStep]) -> list[Step]:
    """Return all steps of one attempt in their order, those to come as waiting."""
    known = {
        row.name: Step(
            name=row.name,
            label=row.get_name_display(),
            outcome=row.outcome,
            detail=row.detail,
            raw=row.raw,
            started_at=row.started_at,
            seconds=_seconds(row.started_at, row.finished_at),
        )
        for row in rows
    }
    return _in_order(known)


def steps_of(failure: Failure) -> list[Step]:
    """Return the steps that a failure has kept. What it doesn't understand of an old record is left out."""
    known = {}
    for each in failure.trace if isinstance(failure.trace, list) else []:
        name = str(each.get("name", ""))
        if name in Name.values:
            started, finished = _moment(each.get("started_at")), _moment(each.get("finished_at"))
            known[name] = Step(
                name=name,
                label=Name(name).label,
                outcome=str(each.get("outcome", WAITING)),
                detail=str(each.get("detail", "")),
                raw=str(each.get("raw", "")),
                started_at=started,
                seconds=_seconds(started, finished),
            )
    return _in_order(known)


def progress(layers: Sequence[Layer], step: Step | None, now: datetime) -> Progress | None:
    """Measure the pull of the layers; None before it began. What earlier attempts kept doesn't count as speed."""
    if step is None or step.started_at is None or not layers:
        return None
    started = step.started_at
    received, total = sum(layer.received for layer in layers), sum(layer.size for layer in layers)
    done = sum(layer.committed_at is not None for layer in layers)
    came = sum(layer.received for layer in layers if layer.committed_at is None or layer.committed_at >= started)
    seconds = (now - started).total_seconds()
    left = None
    if came and seconds >= LEAST_SECONDS:
        left = ceil((total - received) / (came / seconds))
    return Progress(received, total, min(done + 1, len(layers)), len(layers), left)


def sentence(
    group: ContainerGroup,
    *,
    instances: Mapping[str, int],
    current: Step | None = None,
    came: Progress | None = None,
    failure: Failure | None = None,
    now: datetime,
) -> str:
    """Say what the group's state means now. `instances` counts them by state."""
    count = Counter(instances)
    if group.status == Status.PENDING:
        return _pulling(group.image, current, came, now)
    if group.status == Status.FAILED:
        return f"{failure.words.title}. Nothing was kept." if failure else "The image could not be pulled."
    if group.status == Status.SUCCEEDED:
        return "All instances have done their work and ended without error."
    if group.status == Status.STOPPED:
        if leaving := count[State.STOPPING]:
            return (
                f"Stopping: {_instances(leaving)} still {'runs' if leaving == 1 else 'run'} until the node hears of it."
            )
        return "The image is ready. Nothing runs until you start the group."
    return _running(group.replicas, count)


def attempts(image: Image) -> str:
    """Return `attempt 2 of 5, next try in 20 s` or its like for a pull that is tried again."""
    most = MOST_INTERRUPTED if image.retry_code == Interrupted.code else MOST_ATTEMPTS
    return f"attempt {image.attempt + 1} of {max(most, image.attempt + 1)}"


def span(seconds: float) -> str:
    """Return a rough stretch of time, such as `9 s` or `2 min`."""
    whole = max(1, round(seconds))
    return f"{whole} s" if whole < 100 else f"{round(whole / 60)} min" if whole < 5400 else f"{round(whole / 3600)} h"


def _pulling(image: Image, current: Step | None, came: Progress | None, now: datetime) -> str:
    if image.status == Image.Status.QUEUED:
        if not image.retry_code:
            return "Waiting for a worker to take the pull."
        title = describe(image.retry_code, image.retry_params).title
        wait = (image.not_before - now).total_seconds() if image.not_before else 0.0
        return f"{title}: {attempts(image)}, next try {f'in {span(wait)}' if wait > 0 else 'now'}."
    if current is None:
        return "A worker has taken the pull."
    if current.name == Name.LAYERS and came is not None:
        left = f", about {span(came.seconds_left)} left" if came.seconds_left else ""
        return f"Pulling layer {came.layer} of {came.layers}, {human(came.received)} of {human(came.total)}{left}."
    doing = _DOING[Name(current.name)]
    return doing.format(registry=image.registry, repository=image.repository, platform=image.platform) + "."


def _running(wanted: int, count: Counter[str]) -> str:
    running = count[State.RUNNING]
    rest = [
        (count[State.CREATING], "starting"),
        (count[State.DOWNLOADING], "downloading the image"),
        (count[State.ALLOCATING], "waiting for a node"),
    ]
    others = ", ".join(f"{number} {doing}" for number, doing in rest if number)
    if running == wanted and not others:
        return "The instance runs." if wanted == 1 else f"All {wanted} instances run."
    if not running:
        return f"{_instances(wanted).capitalize()}: {others or 'waiting for a node'}."
    return f"{running} of {_instances(wanted)} {'runs' if running == 1 else 'run'}{f'; {others}' if others else ''}."


def _instances(count: int) -> str:
    return "1 instance" if count == 1 else f"{count} instances"


def _in_order(known: Mapping[str, Step]) -> list[Step]:
    return [known.get(name.value) or Step(name.value, name.label, WAITING) for name in Name]


def _seconds(started: datetime | None, finished: datetime | None) -> float | None:
    return (finished - started).total_seconds() if started and finished else None


def _moment(text: Any) -> datetime | None:
    try:
        return parse_datetime(text) if isinstance(text, str) else None
    except ValueError:
        return None
