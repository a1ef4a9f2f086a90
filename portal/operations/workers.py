"""Queues and workers as Redis tells them, pulls and the sweeper as the database does. Redis may be away."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import django_rq
from django.conf import settings
from redis.exceptions import RedisError
from rq import Worker
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer

from groups.models import Image
from groups.models.sweep import SweepPass

MAX_SHOWN = 50
_DEEDS = {
    "pull": "pulls an image",
    "prepare": "prepares a manifest",
    "check": "checks an image",
    "tell": "finds out who hears of something",
    "deliver": "sends a notice",
}


@dataclass(frozen=True)
class WorkerLine:
    """A worker that is registered: which queues it serves, what it does, when it was last heard."""

    name: str
    queues: list[str]
    state: str
    doing: str
    row_id: str
    heard_at: datetime | None


@dataclass(frozen=True)
class Queues:
    """What Redis tells; nothing where it doesn't answer. `waiting` are wake-ups no worker has taken, `failed` jobs
    that broke, both by queue."""

    answers: bool
    waiting: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    workers: list[WorkerLine] = field(default_factory=list)

    @property
    def lines(self) -> list[tuple[str, int, int]]:
        """Queue, waiting, failed."""
        return [(name, count, self.failed.get(name, 0)) for name, count in self.waiting.items()]


@dataclass(frozen=True)
class Pulls:
    """What the database tells of pulls: those a worker has, the one that may begin for longest, and the sweeper."""

    going_on: list[Image]
    waiting: int
    oldest: Any
    sweeper: SweepPass | None

    @property
    def oldest_due(self) -> datetime | None:
        """Since when the one that waits longest may begin."""
        return self.oldest.startable_at if self.oldest else None

    @property
    def swept(self) -> list[tuple[str, int]]:
        """What the sweeper's last pass set right."""
        counts = self.sweeper.counts if self.sweeper else {}
        return [(name.replace("_", " "), count) for name, count in counts.items() if count]


def read_queues() -> Queues:
    """Ask Redis."""
    try:
        queues = {name: django_rq.get_queue(name) for name in settings.RQ_QUEUES}
        waiting = {name: int(queue.count) for name, queue in queues.items()}
        failed = {name: len(queue.failed_job_registry) for name, queue in queues.items()}
        connection = django_rq.get_connection(next(iter(queues)))
        found = Worker.all(connection=connection, serializer=JSONSerializer)
        workers = [_worker(worker, connection) for worker in found[:MAX_SHOWN]]
    except (RedisError, OSError):
        return Queues(answers=False)
    return Queues(True, waiting, failed, sorted(workers, key=lambda worker: worker.name))


def read_pulls() -> Pulls:
    """Ask the database, in four queries."""
    queued = Image.objects.filter(status=Image.Status.QUEUED)
    startable = Image.objects.startable().select_related("organization").defer("config")
    rows = Image.objects.pulling().select_related("organization").defer("config")
    return Pulls(
        going_on=list(rows.order_by("started_at")[:MAX_SHOWN]),
        waiting=queued.count(),
        oldest=startable.first(),
        sweeper=SweepPass.objects.order_by("-ended_at").first(),
    )


def _worker(worker: Any, connection: Any) -> WorkerLine:
    doing, row_id = "", ""
    job_id = worker.get_current_job_id()
    if job_id:
        try:
            job = Job.fetch(job_id, connection=connection, serializer=JSONSerializer)
            name = str(job.func_name).rpartition(".")[2]
            doing, row_id = _DEEDS.get(name, name), str(job.args[0]) if job.args else ""
        except NoSuchJobError:
            pass
    heard = worker.last_heartbeat
    return WorkerLine(
        name=worker.name,
        queues=list(worker.queue_names()),
        state=str(getattr(worker.get_state(), "value", worker.get_state())),
        doing=doing,
        row_id=row_id,
        heard_at=heard.replace(tzinfo=UTC) if heard is not None and heard.tzinfo is None else heard,
    )
