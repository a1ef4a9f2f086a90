"""Wake-ups: the right function for each, and a portal that works while Redis does not."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from django.utils.module_loading import import_string
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings
from redis import Redis
from redis.exceptions import OutOfMemoryError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from structlog.testing import capture_logs

from groups.queues import redis_queues
from groups.queues.wakeup import KINDS, QUEUES, Wakeup
from groups.rules import wakeups
from portal.notifications.wakeups import wake_deliver
from registries.foundation.ids import InstanceId


@pytest.fixture
def enqueued(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Wakeup]]:
    """What was enqueued, and where. No job waits for a worker."""
    jobs: list[tuple[str, Wakeup]] = []
    monkeypatch.setattr(redis_queues, "push", lambda queue, wakeup: jobs.append((queue, wakeup)))
    monkeypatch.setattr(wakeups, "waiting", lambda queue: 0)
    return jobs


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wake", "job", "queue"),
    [
        (wakeups.wake_pull, "pull", "pulls"),
        (wakeups.wake_prepare, "prepare", "nodes"),
        (wakeups.wake_check, "check", "checks"),
        (wakeups.enqueue_fan_out, "fan_out", "notices"),
        (wake_deliver, "deliver", "notices"),
    ],
)
def test_a_job_with_the_id_is_enqueued_on_commit(
    wake: Callable[[UUID], None],
    job: str,
    queue: str,
    enqueued: list[tuple[str, Wakeup]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    row_id = uuid4()
    with django_capture_on_commit_callbacks(execute=True):
        wake(row_id)
        assert not enqueued, "nothing before the commit"
    assert enqueued == [(queue, Wakeup(job, row_id))]


def test_each_job_is_a_function_of_one_id(settings: Settings) -> None:
    for name in settings.WAKEUP_JOBS.values():
        assert len(inspect.signature(import_string(name)).parameters) == 1, name


def test_each_queue_says_how_many_wait_in_it(queues: Redis) -> None:
    for queue, job in (("pulls", "pull"), ("pulls", "pull"), ("nodes", "prepare")):
        wakeups.enqueue_job(queue, job, str(uuid4()))

    assert [wakeups.waiting(name) for name in ("pulls", "nodes", "checks")] == [2, 1, 0]


@pytest.mark.django_db
@pytest.mark.parametrize(("job", "enqueued"), [("prepare", 1), ("pull", 2), ("check", 2)])
def test_a_job_that_waits_makes_this_manifest_too(
    queues: Redis, job: str, enqueued: int, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        wakeups.wake_prepare(InstanceId(uuid4()))
        wakeups.enqueue_job(KINDS[job].queue, job, str(uuid4()))

    assert sum(queues.llen(f"rq:queue:{queue}") for queue in QUEUES) == enqueued


def test_a_wake_up_counts_as_lost_after_ten_seconds() -> None:
    assert wakeups.WAKEUP_LOST_AFTER.total_seconds() == 10


@pytest.mark.parametrize("error", [RedisError, ConnectionRefusedError])
def test_without_redis_nothing_waits_and_nothing_fails(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def unavailable() -> object:
        raise error

    monkeypatch.setattr(redis_queues, "connect", unavailable)
    assert wakeups.waiting("pulls") == 0
    wakeups.enqueue_job("pulls", "pull", str(uuid4()))


@pytest.mark.parametrize(
    "error",
    [
        OutOfMemoryError("command not allowed when used memory > 'maxmemory'."),
        ResponseError("MISCONF Errors writing to the AOF file: No space left on device"),
        ReadOnlyError("You can't write against a read only replica."),
        RedisTimeoutError("Timeout reading from socket"),
        ConnectionResetError(104, "Connection reset by peer"),
    ],
    ids=["out of memory", "disk full", "read only", "stalled", "reset"],
)
def test_a_redis_that_refuses_or_stalls_keeps_nobody_waiting(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked once; the sweeper sends the wake-up again."""
    monkeypatch.setattr(wakeups, "_stalled_until", 0.0)
    asked: list[str] = []

    def push(queue: str, wakeup: Wakeup) -> None:
        asked.append(f"{queue} {wakeup.job}")
        raise error

    monkeypatch.setattr(redis_queues, "push", push)
    with capture_logs() as logged:
        wakeups.enqueue_job("pulls", "pull", str(uuid4()))

    assert asked == ["pulls pull"]
    assert [(line["event"], line["error"]) for line in logged] == [("wake_up_failed", type(error).__name__)]


@pytest.mark.parametrize(("error", "times"), [(RedisTimeoutError(), 2), (ConnectionRefusedError(), 21)])
def test_a_redis_that_has_stalled_is_not_asked_for_each_wake_up(
    error: Exception, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, asked = [1000.0], list[float]()

    def connect() -> object:
        asked.append(now[0])
        raise error

    monkeypatch.setattr(wakeups, "_stalled_until", 0.0)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(redis_queues, "connect", connect)
    for _ in range(10):
        wakeups.enqueue_job("pulls", "pull", str(uuid4()))
        assert wakeups.waiting("pulls") == 0
        now[0] += 0.9 * wakeups.STALLED_SECONDS / 10
    now[0] = 1000 + wakeups.STALLED_SECONDS
    wakeups.enqueue_job("pulls", "pull", str(uuid4()))
    assert len(asked) == times
    assert asked[-1] == now[0]


def test_jobs_that_wait_for_a_worker_are_not_enqueued_again(monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[int] = []
    monkeypatch.setattr(wakeups, "waiting", {"pulls": 2, "checks": 0}.__getitem__)
    assert wakeups.wake_again("pulls", woken.append, [1, 2]) == 0
    assert wakeups.wake_again("pulls", woken.append, [1, 2, 3]) == 3
    assert woken == [1, 2, 3]
    assert wakeups.wake_again("checks", woken.append, [4]) == 1
    assert wakeups.wake_again("checks", woken.append, []) == 0
    assert woken == [1, 2, 3, 4]
