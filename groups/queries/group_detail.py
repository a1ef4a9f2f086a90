"""What a group's page shows: the sentence beside its state, the pull, layers, instances, deliveries, failures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

import groups.failures  # noqa: F401 (its words are described here)
from groups.ingest.outcome import MAX_ATTEMPTS
from groups.models import ContainerGroup, Failure, Image, Instance, Layer, Node, PullStep
from groups.queries.bars import Segment, segments
from groups.queries.delivery_ledger import Delivery, Unusual, newest_deliveries, unusual_refusals
from groups.queries.pull_queue import place
from groups.queries.pull_steps import StepLine, seconds_between, step_line, step_lines, with_failure_title
from groups.queries.retry_credential import Suggestion, kept_credential, suggest_credential
from groups.rules.group_settings import MAX_REPLICAS
from groups.rules.node_room import nodes_with_room
from groups.rules.platforms import can_run
from groups.rules.quotas import has_room_for_pull, read_quota
from registries.failures import describe
from registries.foundation.clock import database_now
from registries.foundation.units import format_part, format_size
from registries.models import Credential, TrustUse

Status = ContainerGroup.Status
MAX_FAILURES = 20
"""Failures on a page."""

_CURRENT_STEP = {
    "resolve": "Looking for {registry}",
    "connect": "Connecting to {registry}",
    "authenticate": "Signing in to {registry}",
    "manifest": "Reading the manifest of {repository}",
    "platform": "Choosing the platform",
    "size": "Checking the size",
    "store": "Checking that everything is stored",
    "destroy": "Destroying the credential",
}


@dataclass(frozen=True)
class LayerSegment:
    """One layer in the bar: its start, its width and how much of that is filled, in units of `groups.queries.bars`."""

    x: float
    width: float
    filled: float
    stored: bool
    title: str


@dataclass
class Progress:
    """The progress of a pull: bytes, layers (`done` of `count`), and seconds."""

    received: int = 0
    total: int = 0
    done: int = 0
    count: int = 0
    seconds_left: float | None = None
    rate: float | None = None
    """Bytes per second while the pull is in progress."""

    @property
    def percent(self) -> int:
        return min(100, self.received * 100 // self.total) if self.total else 0


@dataclass
class GroupDetail:
    """What a group's page shows at one moment."""

    group: ContainerGroup
    image: Image
    sentence: str
    next_attempt: datetime | None
    steps: list[StepLine]
    earlier: list[StepLine]
    layers: list[Layer]
    segments: list[LayerSegment]
    progress: Progress
    instances: list[Instance]
    deliveries: list[Delivery]
    unusual: list[Unusual]
    failures: list[Failure]
    again: Suggestion | None = None
    """How a failed pull can be tried again; None in another state."""
    kept: Credential | None = None
    """The credential of the failed pull, while it is live."""
    trust_use: TrustUse | None = None
    """The latest token of the image's pull, without the token; None if it is not pulled by a trust."""
    max_attempts: int = MAX_ATTEMPTS
    now: datetime = field(default_factory=database_now)

    @property
    def pulled_seconds(self) -> float | None:
        """How long the pull took; None before its end."""
        return seconds_between(self.image.started_at, self.image.settled_at)

    @property
    def failure(self) -> Failure | None:
        """The failure that put the group into `failed`."""
        return self.failures[0] if self.failures and self.group.status == Status.FAILED else None

    @property
    def next_image(self) -> Image | None:
        """The image that will replace this one once it is pulled."""
        return self.group.next_image

    @property
    def poll_seconds(self) -> int | None:
        """Seconds until the page polls again; None once nothing changes by itself."""
        return poll_seconds(self.group.status, bool(self.instances) or self.group.is_changing)


def poll_seconds(status: str, has_instances: bool) -> int | None:
    """Return the seconds between polls of a group in this state; None if nothing changes by itself."""
    if status == Status.PENDING:
        return 2
    if status == Status.DEPLOYING:
        return 3
    if status == Status.RUNNING:
        return 10
    return 3 if has_instances else None


def group_detail(group: ContainerGroup) -> GroupDetail:
    """Return everything that the group's page shows, in a constant number of queries."""
    now = database_now()
    image = group.image
    layers = list(image.layers.order_by("position"))
    rows = list(image.steps.order_by("attempt", "id"))
    instances = list(group.instances.select_related("node")[:MAX_REPLICAS])
    steps = step_lines([row for row in rows if row.attempt == image.attempt], now, whole=image.status != "ready")
    progress = _progress(image, layers, rows, now)
    detail = GroupDetail(
        group=group,
        image=image,
        sentence="",
        next_attempt=image.not_before if image.status == Image.Status.QUEUED else None,
        steps=steps,
        earlier=[step_line(row, now) for row in rows if row.attempt < image.attempt and row.outcome == "failed"],
        layers=layers,
        segments=_segments(layers),
        progress=progress,
        instances=instances,
        deliveries=newest_deliveries(group),
        unusual=unusual_refusals(group),
        failures=list(group.failures.order_by("-created_at")[:MAX_FAILURES]),
        max_attempts=MAX_ATTEMPTS + image.handed_over,
        now=now,
    )
    if group.failed_image is not None:
        live = Credential.objects.live().filter(organization=group.organization_id)
        detail.again, detail.kept = suggest_credential(group, live), kept_credential(group)
    if image.trust_id is not None:
        detail.trust_use = TrustUse.objects.filter(image_id=image.pk).select_related("trust").order_by("-pk").first()
    detail.sentence = _sentence(detail)
    if detail.failure:
        detail.steps = with_failure_title(detail.steps, detail.failure)
    return detail


def _progress(image: Image, layers: list[Layer], rows: list[PullStep], now: datetime) -> Progress:
    progress = Progress(
        received=sum(layer.received for layer in layers),
        total=sum(layer.size for layer in layers),
        done=sum(layer.committed_at is not None for layer in layers),
        count=len(layers),
    )
    began = next((row.started_at for row in rows if row.attempt == image.attempt and row.name == "layers"), None)
    if image.status == Image.Status.PULLING and began is not None:
        fresh = sum(layer.received for layer in layers if layer.committed_at is None or layer.committed_at >= began)
        spent = (now - began).total_seconds()
        if fresh and spent > 1:
            progress.rate = fresh / spent
            progress.seconds_left = (progress.total - progress.received) / progress.rate
    return progress


def _segments(layers: list[Layer]) -> list[LayerSegment]:
    """Layers side by side in proportion to their sizes; tiny ones keep a visible width."""
    parts = segments([layer.size for layer in layers], gap=6.0, min_length=10.0)
    return [_segment(layer, part) for layer, part in zip(layers, parts, strict=False)]


def _segment(layer: Layer, part: Segment) -> LayerSegment:
    share = min(1.0, layer.received / layer.size) if layer.size else float(layer.committed_at is not None)
    title = f"Layer {layer.position + 1}: {layer.created_by or layer.digest}"
    return LayerSegment(part.start, part.length, round(part.length * share, 2), layer.committed_at is not None, title)


def _sentence(detail: GroupDetail) -> str:
    group = detail.group
    up = sum(instance.state == Instance.State.RUNNING for instance in detail.instances)
    match group.status:
        case Status.PENDING:
            return _pending(detail)
        case Status.STOPPED if detail.instances:
            count = len(detail.instances)
            return f"Stopping: {count} instance{'s' if count != 1 else ''} still to end."
        case Status.STOPPED if group.failed_replicas:
            return _ended_with_error(group)
        case Status.STOPPED:
            return "The image is here, encrypted. Nothing runs until somebody starts the group."
        case Status.DEPLOYING:
            states = Counter(instance.state for instance in detail.instances)
            waiting, starting = states["allocating"], states["downloading"] + states["creating"]
            parts = [f"{up} of {group.replicas} running", *_ended_so_far(group)]
            parts += [f"{starting} on {'its' if starting == 1 else 'their'} way"] if starting else []
            parts += [f"{waiting} waiting for a node"] if waiting else []
            sentences = [", ".join(parts), _message_of_node(detail.instances), _why_no_node(group) if waiting else ""]
            return " ".join(f"{sentence}." for sentence in sentences if sentence)
        case Status.RUNNING:
            return f"{', '.join([f'{up} of {group.replicas} running', *_ended_so_far(group)])}."
        case Status.SUCCEEDED:
            return "Every replica ended, without an error."
    return detail.failure.words.title + "." if detail.failure else "The pull failed."


def _ended_so_far(group: ContainerGroup) -> list[str]:
    ended = group.succeeded_replicas + group.failed_replicas
    failed = f" ({group.failed_replicas} with an error)" if group.failed_replicas else ""
    return [f"{ended} ended{failed}"] if ended else []


def _ended_with_error(group: ContainerGroup) -> str:
    ended = group.succeeded_replicas + group.failed_replicas
    which = "its one replica" if ended == group.failed_replicas == 1 else f"{group.failed_replicas} of {ended} replicas"
    return f"Nothing runs: {which} ended with an error, last with exit code {group.last_exit_code}."


def _message_of_node(instances: list[Instance]) -> str:
    """The message of the first node that can't get an instance to run."""
    creating = (instance for instance in instances if instance.state == Instance.State.CREATING)
    stuck = next((instance for instance in creating if instance.message), None)
    if stuck is None:
        return ""
    return f"{stuck.node.name if stuck.node else 'A node'} says: {stuck.message.rstrip('.')}"


def _why_no_node(group: ContainerGroup) -> str:
    fits = can_run(group.image.platform)
    if nodes_with_room(group.cpu, group.memory_mb, group.gpu).filter(fits).exists():
        return ""
    present = Node.objects.present()
    if present.exists() and not present.filter(fits).exists():
        return f"It needs a node with {group.image.platform}, and none is connected"
    gpu = f" and a {group.gpu}" if group.gpu else ""
    kind = f"{group.image.platform} node" if present.exclude(fits).exists() else "node"
    return f"No {kind} has {group.cpu} CPU and {group.memory_mb:,} MB{gpu} free right now"


def _pending(detail: GroupDetail) -> str:
    image = detail.image
    if image.status == Image.Status.QUEUED:
        if image.retry_code:
            reason = describe(image.retry_code, image.retry_params).title
            return f"{reason}. Attempt {image.attempt + 1} of {detail.max_attempts} will start automatically."
        quota = read_quota(image.organization_id)
        if not has_room_for_pull(quota):
            limit = quota.max_pulls
            return f"Waiting its turn: this organization pulls {limit} image{'s' if limit != 1 else ''} at once."
        if image.yielded_at is not None:
            return f"Paused: its turn was over. Stored layers are kept. {place(image).sentence}"
        return place(image).sentence
    current = next((step.name for step in detail.steps if step.outcome == "running"), "")
    if current == "layers" and detail.progress.count:
        return _pulling(detail.progress)
    words = _CURRENT_STEP.get(current, "Pulling the image")
    return words.format(registry=image.registry, repository=image.repository) + "."


def _at(rate: float | None) -> str:
    """The rate in words; empty if it is not known."""
    return "" if rate is None else f", {format_size(round(rate), digits=2)}/s"


def _pulling(progress: Progress) -> str:
    current = min(progress.done + 1, progress.count)
    received = format_part(progress.received, progress.total)
    text = f"Pulling layer {current} of {progress.count}, {received}{_at(progress.rate)}"
    left = progress.seconds_left
    if left is None or left > 48 * 3600:
        return f"{text}."
    words = f"{max(1, round(left))} s" if left < 90 else f"{round(left / 60)} min"
    return f"{text}, about {words} left."
