"""What a queue holds: `<job>:<id>`, such as `pull:8f14e45f-ceea-467f-a8f1-5b2a3c4d5e6f`.

Redis carries ids and never names of code. A worker looks up the job in a closed table, so whoever can write to Redis
can wake a worker for a row and nothing else. Which function a job is, and how long it may run, is never read from
there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

MAX_BYTES = 64
"""No valid entry is longer."""
_ENTRY = re.compile(rb"([a-z_]+):([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


class Reason(StrEnum):
    """Why an entry of a queue is refused. Metrics count refusals by these."""

    NOT_A_WAKEUP = "not_a_wakeup"
    UNKNOWN_JOB = "unknown_job"
    WRONG_QUEUE = "wrong_queue"
    WRONG_TYPE = "wrong_type"
    JOB_MISSING = "job_missing"
    JOB_TOO_LARGE = "job_too_large"
    JOB_UNREADABLE = "job_unreadable"
    JOB_WITH_OPTIONS = "job_with_options"


class WakeupRefused(ValueError):
    """An entry that no worker runs, for `reason`."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True)
class JobKind:
    """The queue in which a job waits, and the seconds after which it is ended."""

    queue: str
    max_seconds: int


KINDS = {
    "pull": JobKind("pulls", 2 * 3600),
    "prepare": JobKind("nodes", 120),
    "check": JobKind("checks", 120),
    "fan_out": JobKind("notices", 120),
    "deliver": JobKind("notices", 120),
    "mail_password": JobKind("notices", 120),
    "configure": JobKind("sign_ins", 60),
    "sign_in": JobKind("sign_ins", 60),
    "sign_out": JobKind("sign_ins", 60),
    "refresh": JobKind("sign_ins", 60),
    "find_domain": JobKind("sign_ins", 60),
}
"""Every job that there is. `settings.WAKEUP_JOBS` names the function of each."""
QUEUES = tuple(sorted({kind.queue for kind in KINDS.values()}))


@dataclass(frozen=True)
class Wakeup:
    """A job for one row."""

    job: str
    row: UUID

    @property
    def kind(self) -> JobKind:
        return KINDS[self.job]

    @property
    def entry(self) -> bytes:
        """How a queue holds it."""
        return f"{self.job}:{self.row}".encode()


def make_wakeup(queue: str, job: str, row: UUID) -> Wakeup:
    """Return the job `job` for a row. Raises WakeupRefused if there is no such job in this queue."""
    if job not in KINDS:
        raise WakeupRefused(Reason.UNKNOWN_JOB)
    if KINDS[job].queue != queue:
        raise WakeupRefused(Reason.WRONG_QUEUE)
    return Wakeup(job, row)


def parse_wakeup(queue: str, entry: bytes) -> Wakeup:
    """Return what an entry of this queue asks for. Raises WakeupRefused."""
    match = _ENTRY.fullmatch(entry) if len(entry) <= MAX_BYTES else None
    if match is None:
        raise WakeupRefused(Reason.NOT_A_WAKEUP)
    return make_wakeup(queue, match[1].decode(), UUID(match[2].decode()))
