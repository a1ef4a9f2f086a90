"""Wake-ups: the right function for each, and a portal that works while Redis does not."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from django.utils.module_loading import import_string
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings
from redis.exceptions import RedisError

from groups.rules import wakeups


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


def test_without_redis_nothing_waits_and_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(queue: str) -> object:
        raise RedisError(queue)

    monkeypatch.setattr("django_rq.get_queue", unavailable)
    assert wakeups.waiting("pulls") == 0
    wakeups.enqueue_job("pulls", "groups.jobs.pull", str(uuid4()))


def test_jobs_that_wait_for_a_worker_are_not_enqueued_again(monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[int] = []
    monkeypatch.setattr(wakeups, "waiting", lambda queue: 2)
    assert wakeups.wake_again("pulls", woken.append, [1, 2]) == 0
    assert wakeups.wake_again("pulls", woken.append, [1, 2, 3]) == 3
    assert woken == [1, 2, 3]
