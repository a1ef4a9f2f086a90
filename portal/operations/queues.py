"""One queue for operators: what waits in it, and emptying it. It holds text that anybody with access to Redis may have
written: an entry is shown as a job or as unknown, and never as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from django.db import transaction
from redis.exceptions import ResponseError

from groups.queues.redis_queues import connect, is_wrong_type, key_of, length
from groups.queues.wakeup import WakeupRefused, parse_wakeup
from portal.operations.workers import JOB_WORDS
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor

MAX_SHOWN = 20


@dataclass(frozen=True)
class Entry:
    """An entry of a queue: what its job does and the id of its row. Both are empty for one that is no job of this
    version."""

    doing: str = ""
    row_id: str = ""


@dataclass(frozen=True)
class QueueContent:
    """A queue, its length and the entries that are taken next, at most MAX_SHOWN."""

    name: str
    length: int
    entries: list[Entry]


def read_queue(queue: str) -> QueueContent:
    """Read a queue. Raises RedisError or OSError."""
    connection = connect()
    try:
        entries = cast("list[bytes]", connection.lrange(key_of(queue), 0, MAX_SHOWN - 1))
    except ResponseError as error:
        if not is_wrong_type(error):
            raise
        entries = []
    return QueueContent(queue, length(connection, queue), [_entry(queue, entry) for entry in entries])


def empty_queue(queue: str, *, by: Actor) -> None:
    """Remove everything from a queue. The sweeper puts back what is due. It is recorded first, and not done if that
    fails. Raises RedisError or OSError, and then nothing is recorded."""
    with transaction.atomic():
        record(by, "queue.changed", Target("queue", queue, queue), organization_id=None, detail="emptied the queue")
        connect().delete(key_of(queue))


def _entry(queue: str, entry: bytes) -> Entry:
    try:
        wakeup = parse_wakeup(queue, entry)
    except WakeupRefused:
        return Entry()
    return Entry(JOB_WORDS[wakeup.job], str(wakeup.row))
