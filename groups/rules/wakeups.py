"""Waking a worker: a job with an id, sent when the transaction has committed.

Redis may be away or forget everything: what is to be done stands in the database, and `sweep` wakes again. So a
wake-up that fails is logged and nothing more. What a job does is `groups.jobs`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from functools import partial
from typing import Any

import django_rq
import structlog
from django.db import transaction
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

WAKEUP_LOST_AFTER = timedelta(seconds=10)
"""A wake-up that has not been heard for so long is sent again."""


def wake_pull(image_id: Any) -> None:
    """Have a worker look at this image's pull once the transaction has committed."""
    transaction.on_commit(partial(enqueue_job, "pulls", "groups.jobs.pull", str(image_id)))


def wake_prepare(instance_id: Any) -> None:
    """Have a worker make the manifest for this instance's node once the transaction has committed.

    A job that no worker has taken yet will find this one too: it makes all that are wanting (`groups.jobs.prepare`).
    """

    def enqueue() -> None:
        if not waiting("nodes"):
            enqueue_job("nodes", "groups.jobs.prepare", str(instance_id))

    transaction.on_commit(enqueue)


def wake_check(check_id: Any) -> None:
    """Have a worker check an image once the transaction has committed."""
    transaction.on_commit(partial(enqueue_job, "checks", "groups.jobs.check", str(check_id)))


def enqueue_fan_out(occurrence_id: Any) -> None:
    """Have a worker tell those who want to hear of it once the transaction has committed."""
    transaction.on_commit(partial(enqueue_job, "notices", "portal.notifications.jobs.tell", str(occurrence_id)))


def wake_again(queue: str, wake: Callable[[Any], None], due: Collection[Any]) -> int:
    """`wake` a worker for each of those that are due (ids); return how many. Where the queue holds as many jobs, they
    were woken already and wait for a free worker."""
    if len(due) <= waiting(queue):
        return 0
    for row_id in due:
        wake(row_id)
    return len(due)


def waiting(queue: str) -> int:
    """Return how many jobs of a queue no worker has taken yet; none where Redis doesn't tell."""
    try:
        return int(django_rq.get_queue(queue).count)
    except (RedisError, OSError):
        return 0


def enqueue_job(queue: str, function: str, row_id: str) -> None:
    try:
        django_rq.get_queue(queue).enqueue_call(
            function, args=(row_id,), description=f"{function} {row_id}", result_ttl=60, failure_ttl=24 * 3600
        )
    except (RedisError, OSError) as error:
        log.warning("wake_up_failed", job=function, row=row_id, error=type(error).__name__)
