"""What workers report, and what readers make of keys that anybody may have written."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from groups.queues.wakeup import Wakeup
from groups.queues.workers import WorkerReport, forget, forget_gone, read_workers, report

WAKEUP = Wakeup("check", uuid4())
FIELDS = {
    "queues": "checks,pulls",
    "state": "busy",
    "wakeup": WAKEUP.entry.decode(),
    "last_heartbeat": "2026-11-30T09:15:00.250000Z",
}
SAID = WorkerReport("steady", ["checks", "pulls"], "busy", WAKEUP, datetime(2026, 11, 30, 9, 15, 0, 250000, tzinfo=UTC))


def test_a_worker_is_read_as_it_reported_itself(queues: Redis) -> None:
    report(queues, "steady", FIELDS, 60)
    assert read_workers(queues) == [SAID]
    assert 0 < queues.ttl("rq:worker:steady") <= 60

    report(queues, "steady", {"state": "idle", "wakeup": ""}, 60)
    (found,) = read_workers(queues)
    assert (found.state, found.wakeup, found.queues) == ("idle", None, ["checks", "pulls"])


def test_a_worker_that_ended_or_is_silent_is_gone(queues: Redis) -> None:
    for name in ("ended", "silent"):
        report(queues, name, FIELDS, 60)
    forget(queues, "ended")
    queues.delete("rq:worker:silent")
    assert read_workers(queues) == []
    assert queues.smembers("rq:workers") == {b"rq:worker:silent"}
    forget_gone(queues)
    assert queues.exists("rq:workers") == 0


@pytest.mark.parametrize("key", ["rq:worker:steady", "rq:workers"])
@pytest.mark.parametrize("kind", ["string", "list", "other"])
def test_a_worker_repairs_its_own_keys(queues: Redis, key: str, kind: str) -> None:
    match kind, key:
        case "string", _:
            queues.set(key, b"x")
        case "list", _:
            queues.rpush(key, b"x")
        case _, "rq:workers":
            queues.hset(key, "x", b"x")
        case _:
            queues.sadd(key, b"x")
    read_workers(queues)

    report(queues, "steady", FIELDS, 60)

    assert read_workers(queues) == [SAID]


@pytest.mark.parametrize("error", [RedisConnectionError(), ResponseError("NOPERM"), OSError()])
def test_without_redis_a_worker_works_all_the_same(
    monkeypatch: pytest.MonkeyPatch, queues: Redis, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    for name in ("pipeline", "delete", "type"):
        monkeypatch.setattr(queues, name, fail)
    report(queues, "steady", FIELDS, 60)
    forget(queues, "steady")
    forget_gone(queues)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    "value", [b"", b"\xff\xfe", b"x" * 1_000_000, b"<script>", b"subprocess.getoutput", b"NaN", b"\0", b"a,b,c"]
)
def test_a_field_may_be_anything(queues: Redis, field: str, value: bytes) -> None:
    report(queues, "steady", FIELDS, 60)
    queues.hset("rq:worker:steady", field, value)
    (found,) = read_workers(queues)
    assert set(found.queues) <= {"checks", "pulls"}
    assert found.state in ("busy", "unknown")
    assert found.wakeup in (WAKEUP, None)
    assert found.last_heartbeat in (SAID.last_heartbeat, None)


@pytest.mark.parametrize(
    "key", [b"rq:worker:" + b"x" * 200, b"rq:worker:\xff", b"rq:worker:<b>", b"rq:job:x", b"", b"rq:worker:a\n"]
)
def test_a_name_that_is_none_is_left_out(queues: Redis, key: bytes) -> None:
    queues.hset(key, mapping={"state": "busy"})
    queues.sadd("rq:workers", key)
    report(queues, "steady", FIELDS, 60)
    assert read_workers(queues) == [SAID]
    forget_gone(queues)
    assert queues.smembers("rq:workers") == {b"rq:worker:steady"}
