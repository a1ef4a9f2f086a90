"""Jobs that somebody who can write to Redis puts there: RQ's hash of a job with something else in one field each."""

from __future__ import annotations

import json
import pickle
import zlib
from collections.abc import Callable, Mapping
from uuid import UUID

from redis import Redis

CANARY = "tests.support.import_canary"
CALL = f"{CANARY}.run"
ROW = UUID("8f14e45f-ceea-467f-a8f1-5b2a3c4d5e6f")
ID = "0c5e6f0a-1111-4222-8333-444455556666"

HARMLESS = (
    "created_at",
    "description",
    "ended_at",
    "enqueued_at",
    "failure_ttl",
    "last_heartbeat",
    "origin",
    "result_ttl",
    "started_at",
    "status",
    "timeout",
    "ttl",
    "worker_name",
)
"""Fields that each job has, and that nothing reads any more."""
OPTIONS = (
    "allow_dependency_failures",
    "dependency_id",
    "dependency_ids",
    "enqueue_at_front",
    "enqueue_at_front_on_retry",
    "exc_info",
    "failure_callback_name",
    "failure_callback_timeout",
    "group_id",
    "instance",
    "meta",
    "number_of_retries",
    "rate_limit_concurrency",
    "rate_limit_key",
    "repeat_intervals",
    "repeats_left",
    "result",
    "retries_left",
    "retry_intervals",
    "stopped_callback_name",
    "stopped_callback_timeout",
    "success_callback_name",
    "success_callback_timeout",
    "webhooks",
)
"""The other fields that RQ reads from the hash of a job, but for `data`. RQ acts on them."""


def call(
    function: object = "groups.jobs.pull", *arguments: object, instance: object = None, **keywords: object
) -> bytes:
    """RQ's `data` of a call; of a pull of ROW if no arguments are given."""
    return zlib.compress(json.dumps([function, instance, list(arguments or [str(ROW)]), keywords]).encode())


class _Exploit:
    def __reduce__(self) -> tuple[object, ...]:
        import subprocess

        return subprocess.getoutput, (f"python -c 'import {CANARY}'",)


PICKLE = pickle.dumps(_Exploit())
VALUES: Mapping[str, bytes] = {
    "a function": CALL.encode(),
    "a class": b"rq.job.Job",
    "no text": b"\xff\xfe\x00",
    "a pickle": PICKLE,
    "a packed pickle": zlib.compress(PICKLE),
    "a list": json.dumps([CALL] * 3).encode(),
    "nested": b"[" * 50_000,
    "a webhook": json.dumps([{"url": "http://127.0.0.1:1/", "job_status": "finished"}]).encode(),
    "a bomb": zlib.compress(bytes(20_000_000)),
    "large": b"x" * 1_000_000,
    "a number": b"9" * 400,
    "negative": b"-1",
    "no number": b"NaN",
}
DATA: Mapping[str, bytes] = {
    "another function": call(CALL),
    "a shell": call("subprocess.getoutput", "id"),
    "a shell with an id": call("subprocess.getoutput", str(ROW)),
    "another function of the module": call("groups.jobs.run_job"),
    "a method of a function": call("groups.jobs.pull.__call__"),
    "a path with a blank": call(" groups.jobs.pull"),
    "a path with a line end": call("groups.jobs.pull\n"),
    "no function": call(None),
    "a list as function": call(["groups.jobs.pull"]),
    "no argument": zlib.compress(b'["groups.jobs.pull", null, [], {}]'),
    "two arguments": call("groups.jobs.pull", str(ROW), str(ROW)),
    "a number as argument": call("groups.jobs.pull", 7),
    "a list as argument": call("groups.jobs.pull", [str(ROW)]),
    "an object as argument": call("groups.jobs.pull", {"id": str(ROW)}),
    "no id": call("groups.jobs.pull", "../../layers.key"),
    "capitals": call("groups.jobs.pull", str(ROW).upper()),
    "without hyphens": call("groups.jobs.pull", ROW.hex),
    "in braces": call("groups.jobs.pull", f"{{{ROW}}}"),
    "with a line end": call("groups.jobs.pull", f"{ROW}\n"),
    "full-width digits": call("groups.jobs.pull", str(ROW).replace("8", "８")),
    "keywords": call("groups.jobs.pull", str(ROW), image_id=str(ROW)),
    "an instance": call("pull", str(ROW), instance={"py/object": CALL}),
    "an instance as text": call("pull", str(ROW), instance="groups.jobs"),
    "another queue's job": call("groups.jobs.check"),
    "five parts": zlib.compress(json.dumps(["groups.jobs.pull", None, [str(ROW)], {}, CALL]).encode()),
    "an object": zlib.compress(json.dumps({"func": CALL}).encode()),
    "a text": zlib.compress(b'"groups.jobs.pull"'),
    "nothing": b"",
    "not packed": json.dumps(["groups.jobs.pull", None, [str(ROW)], {}]).encode(),
    "nested": zlib.compress(b"[" * 100_000),
    "a little nested": zlib.compress(b"[" * 1000),
    "a bomb": zlib.compress(bytes(50_000_000), 9),
    "two streams": call() + call(CALL),
    "cut off": call()[:-5],
    "broken": bytes(reversed(call())),
    "a pickle": PICKLE,
    "a packed pickle": zlib.compress(PICKLE),
    "invalid text": zlib.compress(b'["groups.jobs.pull", null, ["\xff"], {}]'),
    "a lone surrogate": zlib.compress(b'["groups.jobs.pull", null, ["\\ud800"], {}]'),
    "large": b"x" * 1_000_000,
    "huge number": zlib.compress(b"[" + b"9" * 900 + b"]"),
}
"""What `data` may hold instead of a call of ours."""


OTHER_TYPES: Mapping[str, Callable[[Redis, str], object]] = {
    "string": lambda redis, key: redis.set(key, b"x"),
    "list": lambda redis, key: redis.rpush(key, b"x"),
    "hash": lambda redis, key: redis.hset(key, "x", "x"),
    "set": lambda redis, key: redis.sadd(key, b"x"),
    "zset": lambda redis, key: redis.zadd(key, {b"x": 1}),
    "stream": lambda redis, key: redis.xadd(key, {b"x": b"x"}),
}
"""How to make a key of each type."""


def put_job(
    connection: Redis,
    queue: str = "pulls",
    job_id: str = ID,
    other: Mapping[str, bytes] | None = None,
    **fields: bytes | str,
) -> None:
    """Put a job of RQ's on a queue: a pull of ROW as the previous version enqueued it, with these fields
    replaced."""
    usual: dict[str, bytes | str] = {
        "created_at": "2026-11-30T09:00:00.000000Z",
        "enqueued_at": "2026-11-30T09:00:00.000000Z",
        "data": call(),
        "description": f"groups.jobs.pull {ROW}",
        "origin": queue,
        "status": "queued",
        "timeout": "7200",
        "result_ttl": "60",
        "failure_ttl": "86400",
        **dict.fromkeys(
            ("success_callback_name", "failure_callback_name", "stopped_callback_name", "started_at", "ended_at"), ""
        ),
        **dict.fromkeys(("last_heartbeat", "worker_name", "group_id"), ""),
    }
    items = [part for item in (usual | dict(other or {}) | fields).items() for part in item]
    connection.hset(f"rq:job:{job_id}", items=items)
    connection.rpush(f"rq:queue:{queue}", job_id)
