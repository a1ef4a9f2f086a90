"""Jobs as the previous version enqueued them: a queue has RQ's id of a job, and a hash has the call.

    rq:job:<id>    data = zlib(JSON [<dotted path of the function>, null, [<id of the row>], {}]), and RQ's own fields

They are read here, byte by byte, instead of by RQ, which imports what a job names and runs callbacks, sends webhooks
and follows dependencies that a hash asks for. A job with any of these is refused, and its hash is removed.
"""

from __future__ import annotations

import json
import re
import zlib
from typing import cast
from uuid import UUID

from django.conf import settings
from redis import Redis

from groups.queues.wakeup import MAX_BYTES, Reason, Wakeup, WakeupRefused, make_wakeup

MAX_DATA_BYTES = 1024
MAX_FIELDS = 32
_JOB_ID = re.compile(rb"[A-Za-z0-9_-]+")
_PLAIN = frozenset(
    b"created_at data description ended_at enqueued_at failure_ttl last_heartbeat origin result_ttl started_at status"
    b" timeout ttl worker_name".split()
)
"""Fields that every job has. But for `data` nothing reads them."""
_EMPTY = frozenset(b"failure_callback_name group_id meta stopped_callback_name success_callback_name".split())
"""Fields that RQ writes for every job, and which are empty unless a job has options."""


def is_rq_job_id(entry: bytes) -> bool:
    """Whether an entry of a queue may be RQ's id of a job."""
    return len(entry) <= MAX_BYTES and _JOB_ID.fullmatch(entry) is not None


def take_rq_job(connection: Redis, queue: str, job_id: bytes) -> Wakeup:
    """Remove RQ's job and return what it asks for. Raises WakeupRefused."""
    key = b"rq:job:" + job_id
    try:
        return _wakeup(queue, _data(connection, key))
    finally:
        connection.delete(key, key + b":dependents", key + b":dependencies", b"rq:results:" + job_id)


def _data(connection: Redis, key: bytes) -> bytes:
    """Return the field `data` of a job without options. Raises WakeupRefused for others."""
    kind = cast("bytes", connection.type(key))
    if kind == b"none":
        raise WakeupRefused(Reason.JOB_MISSING)
    if kind != b"hash":
        raise WakeupRefused(Reason.WRONG_TYPE)
    if connection.hlen(key) > MAX_FIELDS or connection.hstrlen(key, "data") > MAX_DATA_BYTES:
        raise WakeupRefused(Reason.JOB_TOO_LARGE)
    fields = set(cast("list[bytes]", connection.hkeys(key)))
    if fields - _PLAIN - _EMPTY or any(connection.hstrlen(key, name.decode()) for name in fields & _EMPTY):
        raise WakeupRefused(Reason.JOB_WITH_OPTIONS)
    return cast("bytes | None", connection.hget(key, "data")) or b""


def _wakeup(queue: str, data: bytes) -> Wakeup:
    """Return what the call in `data` asks for. Raises WakeupRefused."""
    unpacker = zlib.decompressobj()
    try:
        call = json.loads(unpacker.decompress(data, MAX_DATA_BYTES))
    except (zlib.error, ValueError, RecursionError):
        raise WakeupRefused(Reason.JOB_UNREADABLE) from None
    if not unpacker.eof or unpacker.unused_data:
        raise WakeupRefused(Reason.JOB_TOO_LARGE)
    match call:
        case [str(function), None, [str(text)], dict(keywords)] if not keywords:
            return make_wakeup(queue, _job_of(function), _row(text))
    raise WakeupRefused(Reason.JOB_WITH_OPTIONS)


def _job_of(function: str) -> str:
    """The job whose function has this dotted path, or the path itself, which is no job."""
    return next((job for job, path in settings.WAKEUP_JOBS.items() if path == function), function)


def _row(text: str) -> UUID:
    try:
        row = UUID(text)
    except ValueError:
        raise WakeupRefused(Reason.NOT_A_WAKEUP) from None
    if str(row) != text:
        raise WakeupRefused(Reason.NOT_A_WAKEUP)
    return row
