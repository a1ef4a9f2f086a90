"""Lists in Redis that anybody may have written to: what is taken, in which order, and what is removed on the way."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from groups.queues import redis_queues
from groups.queues.redis_queues import REFUSED_KEY, length, push, refused_counts, take
from groups.queues.wakeup import QUEUES, Reason, Wakeup
from tests.support.hostile_jobs import OTHER_TYPES

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
    assert take(queues, ["checks", "pulls"], seconds) == CHECK
    assert take(queues, ["checks", "pulls"], seconds) == PULL
    assert take(queues, ["checks", "pulls"], None) is None


def test_others_queues_are_left_alone(queues: Redis) -> None:
    push("pulls", PULL)
    assert take(queues, ["checks", "nodes"], None) is None
    assert length(queues, "pulls") == 1


@pytest.mark.parametrize("seconds", [None, 1])
@pytest.mark.parametrize("kind", [kind for kind in OTHER_TYPES if kind != "list"])
def test_a_key_that_is_no_list_stops_no_queue(queues: Redis, kind: str, seconds: int | None) -> None:
    key = "rq:queue:checks"
    OTHER_TYPES[kind](queues, key)
    assert length(queues, "checks") == 0
    push("pulls", PULL)

    assert take(queues, ["checks", "pulls"], seconds) == PULL

    assert queues.exists(key) == 0
    assert refused_counts(queues)[Reason.WRONG_TYPE] == 1


def test_a_key_that_is_no_list_is_replaced_by_the_next_job(queues: Redis) -> None:
    queues.set("rq:queue:pulls", b"x")
    push("pulls", PULL)
    assert take(queues, QUEUES, None) == PULL


@pytest.mark.parametrize("value", [b"x", b"-5", b"9" * 30, b"\xff", b""])
def test_counts_that_somebody_wrote_are_not_believed(queues: Redis, value: bytes) -> None:
    queues.hset(REFUSED_KEY, "not_a_wakeup", value)
    assert refused_counts(queues)[Reason.NOT_A_WAKEUP] == 0
    queues.rpush("rq:queue:pulls", "x:y")
    push("pulls", PULL)
    assert take(queues, QUEUES, None) == PULL
    assert refused_counts(queues)[Reason.NOT_A_WAKEUP] <= 1


def test_counts_of_another_type_are_replaced(queues: Redis) -> None:
    queues.set(REFUSED_KEY, b"x")
    assert set(refused_counts(queues).values()) == {0}
    queues.rpush("rq:queue:pulls", "x:y", "x:z")
    assert take(queues, QUEUES, None) is None
    assert refused_counts(queues)[Reason.NOT_A_WAKEUP] == 1  # the first one removed what was there


def test_many_entries_hide_no_job(queues: Redis) -> None:
    queues.rpush("rq:queue:pulls", *(f"subprocess.getoutput:{number}" for number in range(200)))
    push("pulls", PULL)
    assert take(queues, QUEUES, None) == PULL
    assert refused_counts(queues)[Reason.NOT_A_WAKEUP] == 200


def test_what_this_user_may_not_do_is_no_matter_of_types(monkeypatch: pytest.MonkeyPatch, queues: Redis) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ResponseError("NOPERM this user has no permissions")

    for name in ("lpop", "llen", "hmget", "rpush"):
        monkeypatch.setattr(queues, name, refuse)
    monkeypatch.setattr(redis_queues, "connect", lambda: queues)
    calls: list[Callable[[], object]] = [
        lambda: take(queues, QUEUES, None),
        lambda: length(queues, "pulls"),
        lambda: refused_counts(queues),
        lambda: push("pulls", PULL),
    ]
    for call in calls:
        with pytest.raises(ResponseError, match="NOPERM"):
            call()
