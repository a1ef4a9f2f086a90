"""Queues and workers, read from Redis; pulls and the sweeper, read from the database. Redis may be unreachable."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import django_rq
from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError
from rq import Worker
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker

from groups.models import Image
from groups.models.sweep import SweepPass

MAX_SHOWN = 50
_JOBS = {
    "pull": "pulls an image",
    "prepare": "prepares a manifest",
    "check": "checks an image",
    "tell": "finds the recipients of an event",
    "deliver": "sends a notice",
}


@dataclass(frozen=True)
class WorkerLine:
    """A registered worker: the queues it serves, what it is doing, the row of its job, and when it last reported."""

    name: str
    queues: list[str]
    state: str
    doing: str
    row_id: str
    last_heartbeat: datetime | None


@dataclass(frozen=True)
class Queues:
    """What Redis knows; empty where it doesn't answer. `waiting` counts jobs that no worker has taken, `failed` those
    that failed, both by queue."""

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
    """What the database knows: pulls that a worker has, how many wait, since when the oldest could start, and the
    sweeper's last pass."""

    in_progress: list[Image]
    waiting: int
    oldest: Image | None
    oldest_due: datetime | None
    sweeper: SweepPass | None

    @property
    def swept(self) -> list[tuple[str, int]]:
        """What the sweeper's last pass repaired."""
        counts = self.sweeper.counts if self.sweeper else {}
        return [(name.replace("_", " "), count) for name, count in counts.items() if count]


def read_queues() -> Queues:
    """Read queues and workers from Redis."""
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
    """Read pulls from the database, in four queries."""
    queued = Image.objects.filter(status=Image.Status.QUEUED)
    oldest = Image.objects.startable().defer("config").first()
    rows = Image.objects.pulling().select_related("organization").defer("config")
    return Pulls(
        in_progress=list(rows.order_by("started_at")[:MAX_SHOWN]),
        waiting=queued.count(),
        oldest=oldest,
        oldest_due=getattr(oldest, "startable_at", None),
        sweeper=SweepPass.objects.order_by("-ended_at").first(),
    )


def _worker(worker: BaseWorker, connection: Redis) -> WorkerLine:
    doing, row_id = "", ""
    job_id = worker.get_current_job_id()
    if job_id:
        try:
            job = Job.fetch(job_id, connection=connection, serializer=JSONSerializer)
            name = str(job.func_name).rpartition(".")[2]
            doing, row_id = _JOBS.get(name, name), str(job.args[0]) if job.args else ""
        except NoSuchJobError:
            pass
    heartbeat = worker.last_heartbeat
    return WorkerLine(
        name=worker.name,
        queues=list(worker.queue_names()),
        state=str(getattr(worker.get_state(), "value", worker.get_state())),
        doing=doing,
        row_id=row_id,
        last_heartbeat=heartbeat.replace(tzinfo=UTC)
        if heartbeat is not None and heartbeat.tzinfo is None
        else heartbeat,
    )
