"""Queues and workers, read from Redis; pulls and the sweeper, read from the database. Redis may be unreachable."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from redis.exceptions import RedisError

from groups.models import Image
from groups.models.sweep import SweepPass
from groups.queries.pull_queue import Line, read_turns
from groups.queues.redis_queues import connect, length, refused_counts
from groups.queues.wakeup import QUEUES
from groups.queues.workers import WorkerReport, read_workers

MAX_SHOWN = 50
JOB_WORDS = {
    "pull": "pulls an image",
    "prepare": "prepares a manifest",
    "check": "checks an image",
    "fan_out": "finds the recipients of an event",
    "deliver": "sends a notice",
    "mail_password": "mails a link for a new password",
    "configure": "checks an identity provider",
    "sign_in": "signs somebody in with a provider",
    "sign_out": "ends sessions for a provider",
    "refresh": "asks a provider about a member",
    "find_domain": "looks for a domain's record",
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
    """What Redis knows; empty where it doesn't answer. `waiting` counts jobs that no worker has taken, by queue,
    `refused` entries that workers refused and removed, by reason."""

    answers: bool
    waiting: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    workers: list[WorkerLine] = field(default_factory=list)


@dataclass(frozen=True)
class Pulls:
    """What the database knows: pulls that a worker has, how many wait, since when the oldest could start, the
    organizations in the order of their turns, and the sweeper's last pass."""

    in_progress: list[Image]
    waiting: int
    oldest: Image | None
    oldest_due: datetime | None
    turns: list[Line]
    sweeper: SweepPass | None

    @property
    def swept(self) -> list[tuple[str, int]]:
        """What the sweeper's last pass repaired."""
        counts = self.sweeper.counts if self.sweeper else {}
        return [(name.replace("_", " "), count) for name, count in counts.items() if count]


def read_queues() -> Queues:
    """Read queues and workers from Redis."""
    try:
        connection = connect()
        waiting = {queue: length(connection, queue) for queue in QUEUES}
        refused = {
            reason.value.replace("_", " "): count for reason, count in refused_counts(connection).items() if count
        }
        workers = [_line(worker) for worker in read_workers(connection)[:MAX_SHOWN]]
    except (RedisError, OSError):
        return Queues(answers=False)
    return Queues(True, waiting, refused, workers)


def read_pulls() -> Pulls:
    """Read pulls from the database, in seven queries."""
    queued = Image.objects.filter(status=Image.Status.QUEUED)
    oldest = Image.objects.startable().defer("config").first()
    rows = Image.objects.pulling().select_related("organization").defer("config")
    return Pulls(
        in_progress=list(rows.order_by("started_at")[:MAX_SHOWN]),
        waiting=queued.count(),
        oldest=oldest,
        oldest_due=getattr(oldest, "startable_at", None),
        turns=read_turns(),
        sweeper=SweepPass.objects.order_by("-ended_at").first(),
    )


def _line(worker: WorkerReport) -> WorkerLine:
    return WorkerLine(
        name=worker.name,
        queues=worker.queues,
        state=worker.state,
        doing=JOB_WORDS[worker.wakeup.job] if worker.wakeup else "",
        row_id=str(worker.wakeup.row) if worker.wakeup else "",
        last_heartbeat=worker.last_heartbeat,
    )
