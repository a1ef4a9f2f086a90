"""Wake-ups: the right function for each, and a portal that works while Redis does not."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import ClassVar
from uuid import UUID, uuid4

import pytest
from django.utils.module_loading import import_string
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings
from redis.exceptions import RedisError

from groups.rules import wakeups
from registries.foundation.ids import InstanceId


@pytest.fixture
def enqueued(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """What was enqueued: queue, function and id. No job waits for a worker."""
    jobs: list[tuple[str, str, str]] = []
    monkeypatch.setattr(wakeups, "enqueue_job", lambda queue, function, row_id: jobs.append((queue, function, row_id)))
    monkeypatch.setattr(wakeups, "waiting", lambda queue: 0)
    return jobs


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wake", "queue", "function"),
    [
        (wakeups.wake_pull, "pulls", "groups.jobs.pull"),
        (wakeups.wake_prepare, "nodes", "groups.jobs.prepare"),
        (wakeups.wake_check, "checks", "groups.jobs.check"),
        (wakeups.enqueue_fan_out, "notices", "portal.notifications.jobs.tell"),
    ],
)
def test_a_job_with_the_id_is_enqueued_on_commit(
    wake: Callable[[UUID], None],
    queue: str,
    function: str,
    enqueued: list[tuple[str, str, str]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    row_id = uuid4()
    with django_capture_on_commit_callbacks(execute=True):
        wake(row_id)
        assert not enqueued, "nothing before the commit"
    assert enqueued == [(queue, function, str(row_id))]


def test_each_job_is_a_function_of_one_id(settings: Settings) -> None:
    for name in settings.WAKEUP_JOBS.values():
        assert len(inspect.signature(import_string(name)).parameters) == 1, name


class Queue:
    """Stands for RQ's queue of this name, in which `count` jobs wait."""

    counts: ClassVar[dict[str, int]] = {}
    called: ClassVar[list[tuple[str, str, dict[str, object]]]] = []

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = self.counts.get(name, 0)

    def enqueue_call(self, function: str, **options: object) -> None:
        self.called.append((self.name, function, options))


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> type[Queue]:
    monkeypatch.setattr("django_rq.get_queue", Queue)
    monkeypatch.setattr(Queue, "counts", {})
    monkeypatch.setattr(Queue, "called", [])
    return Queue


def test_a_job_is_a_call_with_one_id_and_its_failure_is_kept_for_a_day(queues: type[Queue]) -> None:
    wakeups.enqueue_job("pulls", "groups.jobs.pull", "7")

    ((queue, function, options),) = queues.called
    assert (queue, function, options.pop("description")) == ("pulls", "groups.jobs.pull", "groups.jobs.pull 7")
    assert options == {"args": ("7",), "result_ttl": 60, "failure_ttl": 86400}


def test_each_queue_says_how_many_wait_in_it(queues: type[Queue]) -> None:
    queues.counts |= {"pulls": 3, "nodes": 1}

    assert [wakeups.waiting(name) for name in ("pulls", "nodes", "checks")] == [3, 1, 0]


@pytest.mark.django_db
@pytest.mark.parametrize(("waiting", "enqueued"), [({"nodes": 1}, 0), ({"nodes": 0, "pulls": 5, "checks": 5}, 1)])
def test_a_job_that_waits_makes_this_manifest_too(
    queues: type[Queue],
    waiting: dict[str, int],
    enqueued: int,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        wakeups.wake_prepare(InstanceId(uuid4()))
        queues.counts |= waiting

    assert len(queues.called) == enqueued


def test_a_wake_up_counts_as_lost_after_ten_seconds() -> None:
    assert wakeups.WAKEUP_LOST_AFTER.total_seconds() == 10


@pytest.mark.parametrize("error", [RedisError, ConnectionRefusedError])
def test_without_redis_nothing_waits_and_nothing_fails(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def unavailable(queue: str) -> object:
        raise error(queue)

    monkeypatch.setattr("django_rq.get_queue", unavailable)
    assert wakeups.waiting("pulls") == 0
    wakeups.enqueue_job("pulls", "groups.jobs.pull", str(uuid4()))


def test_jobs_that_wait_for_a_worker_are_not_enqueued_again(monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[int] = []
    monkeypatch.setattr(wakeups, "waiting", {"pulls": 2, "checks": 0}.__getitem__)
    assert wakeups.wake_again("pulls", woken.append, [1, 2]) == 0
    assert wakeups.wake_again("pulls", woken.append, [1, 2, 3]) == 3
    assert woken == [1, 2, 3]
    assert wakeups.wake_again("checks", woken.append, [4]) == 1
    assert wakeups.wake_again("checks", woken.append, []) == 0
    assert woken == [1, 2, 3, 4]
