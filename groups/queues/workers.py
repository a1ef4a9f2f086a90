"""The workers that are running, as they report it in Redis. Pages read it; nothing depends on it.

    rq:workers          the keys of all workers
    rq:worker:<name>    a hash: queues, state, job, row, birth, last_heartbeat; it expires

Both may hold anything: a worker repairs its own keys, and readers leave out what is no report.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import structlog
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from groups.queues.redis_queues import is_wrong_type
from groups.queues.wakeup import QUEUES, Wakeup, WakeupRefused, parse_wakeup

ALL_KEY = "rq:workers"
KEY_PREFIX = "rq:worker:"
MAX_WORKERS = 500
MAX_VALUE_BYTES = 200
_NAME = re.compile(rb"rq:worker:([A-Za-z0-9._-]{1,100})")
_FIELDS = ("queues", "state", "wakeup", "last_heartbeat")
STATES = ("starting", "started", "idle", "busy", "stopping")

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class WorkerReport:
    """What a worker says of itself. `wakeup` is the job that it runs."""

    name: str
    queues: list[str]
    state: str
    wakeup: Wakeup | None
    last_heartbeat: datetime | None


def report(connection: Redis, name: str, fields: Mapping[str, str], seconds: int) -> None:
    """Store fields of a worker's report, which expires after `seconds`. A worker that can't report works all the same:
    errors of Redis are logged."""
    key = KEY_PREFIX + name
    try:
        try:
            _store(connection, key, fields, seconds)
        except ResponseError as error:
            if not is_wrong_type(error):
                raise
            for other, kind in ((key, b"hash"), (ALL_KEY, b"set")):
                if connection.type(other) not in (kind, b"none"):
                    connection.delete(other)
            _store(connection, key, fields, seconds)
    except (RedisError, OSError) as error:
        log.warning("worker_not_reported", error=type(error).__name__)


def forget(connection: Redis, name: str) -> None:
    """Remove a worker that ends. Errors of Redis are logged."""
    try:
        connection.delete(KEY_PREFIX + name)
        connection.srem(ALL_KEY, KEY_PREFIX + name)
    except (RedisError, OSError) as error:
        log.warning("worker_not_forgotten", error=type(error).__name__)


def read_workers(connection: Redis) -> list[WorkerReport]:
    """Return what the workers report, by name, at most MAX_WORKERS of them. Raises RedisError or OSError."""
    found = []
    for key in _keys(connection):
        match = _NAME.fullmatch(key)
        values = _values(connection, key) if match else None
        if match and values:
            found.append(_report(match[1].decode(), values))
    return found


def forget_gone(connection: Redis) -> None:
    """Remove the keys of workers that don't report any more. Workers call it. Errors of Redis are logged."""
    try:
        for key in _keys(connection):
            if not _NAME.fullmatch(key) or connection.type(key) != b"hash":
                connection.srem(ALL_KEY, key)
    except (RedisError, OSError) as error:
        log.warning("workers_not_forgotten", error=type(error).__name__)


def _keys(connection: Redis) -> list[bytes]:
    """The keys of all workers, sorted. Not the whole set, which may be of any size."""
    if connection.type(ALL_KEY) != b"set":
        return []
    return sorted(set(cast("list[bytes]", connection.srandmember(ALL_KEY, MAX_WORKERS))))


def _store(connection: Redis, key: str, fields: Mapping[str, str], seconds: int) -> None:
    with connection.pipeline() as pipeline:
        pipeline.hset(key, items=[part for item in fields.items() for part in item])
        pipeline.expire(key, seconds)
        pipeline.sadd(ALL_KEY, key)
        pipeline.execute()


def _values(connection: Redis, key: bytes) -> dict[str, str] | None:
    """Return the fields of a report, without values that are too long or no text; None if there is no report."""
    if connection.type(key) != b"hash":
        return None
    values = {}
    for name in _FIELDS:
        if connection.hstrlen(key.decode(), name) <= MAX_VALUE_BYTES:
            values[name] = (cast("bytes | None", connection.hget(key.decode(), name)) or b"").decode(errors="replace")
    return values


def _report(name: str, values: Mapping[str, str]) -> WorkerReport:
    state = values.get("state", "")
    return WorkerReport(
        name=name,
        queues=[queue for queue in values.get("queues", "").split(",") if queue in QUEUES],
        state=state if state in STATES else "unknown",
        wakeup=_wakeup(values.get("wakeup", "")),
        last_heartbeat=_time(values.get("last_heartbeat", "")),
    )


def _wakeup(entry: str) -> Wakeup | None:
    for queue in QUEUES:
        try:
            return parse_wakeup(queue, entry.encode())
        except WakeupRefused:
            continue
    return None


def _time(text: str) -> datetime | None:
    """A time as RQ writes it, `2026-11-30T09:15:00.123456Z`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
