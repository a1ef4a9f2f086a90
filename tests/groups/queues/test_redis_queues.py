"""Lists in Redis that anybody may have written to: what is taken, in which order, and what is removed on the way."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import django_rq
import pytest
from redis import Redis
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from groups.queues import redis_queues
from groups.queues.redis_queues import REFUSED_KEY, connect, connect_to_wait, length, push, refused_counts, take
from groups.queues.turns import MAX_BEFORE_OTHERS, QueueTurns
from groups.queues.wakeup import QUEUES, Reason, Wakeup
from tests.support.hostile_jobs import OTHER_TYPES


@pytest.fixture
def stalled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Redis that accepts connections and says nothing."""
    path = str(tmp_path / "stalled.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        made: Callable[[str], Redis] = lambda name: Redis.from_url(f"unix://{path}")  # noqa: E731
        monkeypatch.setattr(django_rq, "get_connection", made)
        yield


PULL, CHECK = Wakeup("pull", uuid4()), Wakeup("check", uuid4())


def test_a_queue_is_a_list_of_jobs_and_ids(queues: Redis) -> None:
    push("pulls", PULL)
    push("checks", CHECK)
    assert queues.lrange("rq:queue:pulls", 0, -1) == [f"pull:{PULL.row}".encode()]
    assert queues.lrange("rq:queue:checks", 0, -1) == [f"check:{CHECK.row}".encode()]
    assert [length(queues, queue) for queue in ("pulls", "checks", "nodes")] == [1, 1, 0]


@pytest.mark.parametrize("seconds", [None, 1])
def test_the_first_queues_come_first(queues: Redis, seconds: int | None) -> None:
    for wakeup in (PULL, CHECK):
        push(wakeup.kind.queue, wakeup)
    assert take(queues, QueueTurns(["checks", "pulls"]), seconds) == CHECK
    assert take(queues, QueueTurns(["checks", "pulls"]), seconds) == PULL
    assert take(queues, QueueTurns(["checks", "pulls"]), None) is None


@pytest.mark.parametrize("seconds", [None, 1])
@pytest.mark.parametrize("flood", [f"check:{CHECK.row}", "no job at all"], ids=["jobs", "no jobs"])
def test_many_entries_of_one_queue_hold_up_no_other(queues: Redis, flood: str, seconds: int | None) -> None:
    queues.rpush("rq:queue:checks", *[flood] * 100)
    push("pulls", PULL)
    turns = QueueTurns(["checks", "pulls"])
    taken = [take(queues, turns, seconds) for _ in range(MAX_BEFORE_OTHERS + 1 if "check" in flood else 1)]
    assert taken[-1] == PULL
    assert length(queues, "checks") == 100 - MAX_BEFORE_OTHERS


def test_others_queues_are_left_alone(queues: Redis) -> None:
    push("pulls", PULL)
    assert take(queues, QueueTurns(["checks", "nodes"]), None) is None
    assert length(queues, "pulls") == 1


@pytest.mark.parametrize("seconds", [None, 1])
@pytest.mark.parametrize("kind", [kind for kind in OTHER_TYPES if kind != "list"])
def test_a_key_that_is_no_list_stops_no_queue(queues: Redis, kind: str, seconds: int | None) -> None:
    key = "rq:queue:checks"
    OTHER_TYPES[kind](queues, key)
    assert length(queues, "checks") == 0
    push("pulls", PULL)

    assert take(queues, QueueTurns(["checks", "pulls"]), seconds) == PULL

    assert queues.exists(key) == 0
    assert refused_counts(queues)[Reason.WRONG_TYPE] == 1


def test_a_key_that_is_no_list_is_replaced_by_the_next_job(queues: Redis) -> None:
    queues.set("rq:queue:pulls", b"x")
    push("pulls", PULL)
    assert take(queues, QueueTurns(QUEUES), None) == PULL


@pytest.mark.parametrize("value", [b"x", b"-5", b"9" * 30, b"\xff", b""])
def test_counts_that_somebody_wrote_are_not_believed(queues: Redis, value: bytes) -> None:
    queues.hset(REFUSED_KEY, "not_a_wakeup", value)
    assert refused_counts(queues)[Reason.NOT_A_WAKEUP] == 0
    queues.rpush("rq:queue:pulls", "x:y")
    push("pulls", PULL)
    assert take(queues, QueueTurns(QUEUES), None) == PULL
    assert refused_counts(queues)[Reason.NOT_A_WAKEUP] <= 1


def test_counts_of_another_type_are_replaced(queues: Redis) -> None:
    queues.set(REFUSED_KEY, b"x")
    assert set(refused_counts(queues).values()) == {0}
    queues.rpush("rq:queue:pulls", "x:y", "x:z")
    assert take(queues, QueueTurns(QUEUES), None) is None
    assert refused_counts(queues)[Reason.NOT_A_WAKEUP] == 1  # the first one removed what was there


def test_a_redis_that_has_stalled_holds_nobody_up(stalled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_queues, "MAX_SECONDS", 0.02)
    begin = time.monotonic()
    with pytest.raises(RedisTimeoutError):
        push("pulls", PULL)
    assert time.monotonic() - begin < 1


def test_a_worker_may_wait_for_longer(stalled: None) -> None:
    def seconds(client: Redis) -> float:
        connection: Any = client.connection_pool.make_connection()
        return float(connection.socket_timeout)

    assert seconds(connect()) == redis_queues.MAX_SECONDS == 1
    assert seconds(connect_to_wait()) > redis_queues.MAX_SECONDS


def test_many_entries_hide_no_job(queues: Redis) -> None:
    queues.rpush("rq:queue:pulls", *(f"subprocess.getoutput:{number}" for number in range(200)))
    push("pulls", PULL)
    assert take(queues, QueueTurns(QUEUES), None) == PULL
    assert refused_counts(queues)[Reason.NOT_A_WAKEUP] == 200


def test_what_this_user_may_not_do_is_no_matter_of_types(monkeypatch: pytest.MonkeyPatch, queues: Redis) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ResponseError("NOPERM this user has no permissions")

    for name in ("lpop", "llen", "hmget", "rpush"):
        monkeypatch.setattr(queues, name, refuse)
    monkeypatch.setattr(redis_queues, "connect", lambda: queues)
    calls: list[Callable[[], object]] = [
        lambda: take(queues, QueueTurns(QUEUES), None),
        lambda: length(queues, "pulls"),
        lambda: refused_counts(queues),
        lambda: push("pulls", PULL),
    ]
    for call in calls:
        with pytest.raises(ResponseError, match="NOPERM"):
            call()
