"""Waking a worker: an entry with a job and a row's id, put on a queue when the transaction has committed.

Redis can be unavailable or lose its queues. The database says what is due, and `groups.sweep` wakes workers again, so a
wake-up that fails is only logged. Which function runs a job is in `settings.WAKEUP_JOBS`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from datetime import timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

import structlog
from django.db import transaction
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from groups.queues import redis_queues
from groups.queues.wakeup import make_wakeup
from registries.foundation.ids import CheckId, ImageId, InstanceId, OccurrenceId

RowId = TypeVar("RowId")

log = structlog.get_logger(__name__)

WAKEUP_LOST_AFTER = timedelta(seconds=10)
"""A job that no worker has begun after this time is enqueued again."""
STALLED_SECONDS = 5.0
"""How long a process doesn't ask a Redis that did not answer. A request or a sweep with many wake-ups would wait for
each of them."""
_stalled_until = 0.0


def wake_pull(image_id: ImageId) -> None:
    """Have a worker claim this image's pull once the transaction has committed."""
    transaction.on_commit(partial(enqueue_job, "pulls", "pull", str(image_id)))


def wake_prepare(instance_id: InstanceId) -> None:
    """Have a worker make the manifest for this instance's node once the transaction has committed.

    A job that no worker has taken yet covers this instance too: it makes all missing manifests (`groups.jobs`).
    """

    def enqueue() -> None:
        if not waiting("nodes"):
            enqueue_job("nodes", "prepare", str(instance_id))

    transaction.on_commit(enqueue)


def wake_check(check_id: CheckId) -> None:
    """Have a worker check an image once the transaction has committed."""
    transaction.on_commit(partial(enqueue_job, "checks", "check", str(check_id)))


def enqueue_fan_out(occurrence_id: OccurrenceId) -> None:
    """Have a worker find the recipients of an event once the transaction has committed."""
    transaction.on_commit(partial(enqueue_job, "notices", "fan_out", str(occurrence_id)))


def wake_again(queue: str, wake: Callable[[RowId], None], due: Collection[RowId]) -> int:
    """Call `wake` for each id of `due` and return how many there were. If the queue holds at least as many jobs, they
    wait for a free worker already: nothing is enqueued and 0 returned."""
    if len(due) <= waiting(queue):
        return 0
    for row_id in due:
        wake(row_id)
    return len(due)


def waiting(queue: str) -> int:
    """Return the number of jobs in the queue that no worker has taken; 0 if Redis does not answer."""
    if _has_stalled():
        return 0
    try:
        return redis_queues.length(redis_queues.connect(), queue)
    except (RedisError, OSError) as error:
        _note(error)
        return 0


def enqueue_job(queue: str, job: str, row_id: str) -> None:
    """Put a job for a row on its queue. Logs a failure of Redis and does not raise it."""
    wakeup = make_wakeup(queue, job, UUID(row_id))
    if _has_stalled():
        return
    try:
        redis_queues.push(queue, wakeup)
    except (RedisError, OSError) as error:
        _note(error)
        log.warning("wake_up_failed", job=job, row=row_id, error=type(error).__name__)


def _has_stalled() -> bool:
    return time.monotonic() < _stalled_until


def _note(error: Exception) -> None:
    global _stalled_until
    if isinstance(error, RedisTimeoutError):
        _stalled_until = time.monotonic() + STALLED_SECONDS
