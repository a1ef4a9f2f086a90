"""The lists in Redis in which jobs wait, one for each queue.

Redis is not trusted: whatever is in it may have been written by somebody else. An entry that is no job of ours is
removed, counted and logged without its content, and a key of another type than a list is deleted, so that neither stops
the jobs behind it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import cast

import django_rq
import structlog
from redis import Redis
from redis.exceptions import ResponseError

from groups.queues.rq_jobs import is_rq_job_id, take_rq_job
from groups.queues.turns import QueueTurns
from groups.queues.wakeup import QUEUES, Reason, Wakeup, WakeupRefused, parse_wakeup

REFUSED_KEY = "drayage:refused"
"""A hash that counts refused entries by reason."""
MAX_COUNTED = 10**12
MAX_SECONDS = 1.0
"""For one command, outside of workers: a request must not wait for a Redis that has stalled."""

log = structlog.get_logger(__name__)


def connect() -> Redis:
    """Return a client of the Redis that has the queues, whose commands take at most MAX_SECONDS."""
    client = connect_to_wait()
    client.connection_pool.connection_kwargs.update(socket_timeout=MAX_SECONDS, socket_connect_timeout=MAX_SECONDS)
    return client


def connect_to_wait() -> Redis:
    """Return a client for a worker, which waits until there is something in a queue."""
    return django_rq.get_connection(QUEUES[0])


def key_of(queue: str) -> str:
    """The key of a queue's list. It has RQ's name, so that jobs of the previous version are found."""
    return f"rq:queue:{queue}"


def push(queue: str, wakeup: Wakeup) -> None:
    """Append a job to a queue. Raises RedisError or OSError; a key of another type is replaced."""
    connection = connect()
    try:
        connection.rpush(key_of(queue), wakeup.entry)
    except ResponseError:
        if not remove_wrong_types(connection, [queue]):
            raise
        connection.rpush(key_of(queue), wakeup.entry)


def length(connection: Redis, queue: str) -> int:
    """Return the number of entries in a queue; 0 if its key is no list. Raises RedisError or OSError."""
    try:
        return connection.llen(key_of(queue))
    except ResponseError as error:
        if not is_wrong_type(error):
            raise
        return 0


def take(connection: Redis, turns: QueueTurns, seconds: int | None) -> Wakeup | None:
    """Remove and return the next job of the queue whose turn it is. Waits for up to `seconds`, or not at all if that is
    None; then returns None. Raises RedisError."""
    while True:
        queues = turns.order()
        try:
            taken = _pop(connection, queues, seconds)
        except ResponseError as error:
            if not is_wrong_type(error):
                raise
            remove_wrong_types(connection, queues)
            continue
        if taken is None:
            return None
        queue, entry = taken
        turns.note(queue)
        try:
            if is_rq_job_id(entry):
                return take_rq_job(connection, queue, entry)
            return parse_wakeup(queue, entry)
        except WakeupRefused as refusal:
            _refused(connection, queue, refusal.reason, entry)


def remove_wrong_types(connection: Redis, queues: Sequence[str]) -> int:
    """Delete the keys of these queues that are no lists. Returns how many there were."""
    removed = 0
    for queue in queues:
        if connection.type(key_of(queue)) not in (b"list", b"none"):
            connection.delete(key_of(queue))
            _refused(connection, queue, Reason.WRONG_TYPE, b"")
            removed += 1
    return removed


def refused_counts(connection: Redis) -> dict[Reason, int]:
    """Return how many entries were refused, by reason. What Redis says is bounded. Raises RedisError or OSError."""
    try:
        values = cast("list[bytes | None]", connection.hmget(REFUSED_KEY, [reason.value for reason in Reason]))
    except ResponseError as error:
        if not is_wrong_type(error):
            raise
        values = [None] * len(Reason)
    return {reason: _count(value) for reason, value in zip(Reason, values, strict=True)}


def is_wrong_type(error: ResponseError) -> bool:
    """Whether a command met a key of another type."""
    return "WRONGTYPE" in str(error)  # a pipeline puts its own words in front


def _pop(connection: Redis, queues: Sequence[str], seconds: int | None) -> tuple[str, bytes] | None:
    names = {key_of(queue).encode(): queue for queue in queues}
    if seconds is not None:
        taken = cast("tuple[bytes, bytes] | None", connection.blpop(list(names), timeout=seconds))
        return (names[taken[0]], taken[1]) if taken else None
    for key, queue in names.items():
        entry = cast("bytes | None", connection.lpop(key))
        if entry is not None:
            return queue, entry
    return None


def _refused(connection: Redis, queue: str, reason: Reason, entry: bytes) -> None:
    """Log and count a refused entry. A digest says whether it is the same as another one, and nothing of what it is."""
    log.warning("wakeup_refused", queue=queue, reason=reason.value, entry=hashlib.sha256(entry).hexdigest()[:12])
    try:
        connection.hincrby(REFUSED_KEY, reason.value, 1)
    except ResponseError:  # no hash, or no number
        connection.delete(REFUSED_KEY)


def _count(value: bytes | None) -> int:
    return int(value) if value is not None and value.isdigit() and len(value) <= len(str(MAX_COUNTED)) else 0
