"""The RQ worker: what it runs and for how long, what its signals mean, and what it reports."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.conf import settings
from pytest_django import Settings
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, NoPermissionError, OutOfMemoryError, ReadOnlyError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from rq.exceptions import StopRequested
from rq.serializers import JSONSerializer
from rq.timeouts import HorseMonitorTimeoutException, JobTimeoutException

from groups import worker
from groups.ingest.claim import WorkerShutdown
from groups.queues.redis_queues import push
from groups.queues.wakeup import KINDS, Wakeup
from groups.queues.workers import read_workers
from groups.worker import PullWorker
from tests.support.hostile_jobs import CALL, CANARY

PULL = Wakeup("pull", uuid4())


@pytest.fixture
def pull_worker() -> PullWorker:
    return PullWorker(["pulls"], connection=Redis())  # which connects to nothing


def test_the_public_authorities_are_read_before_there_is_a_work_horse(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[object, ...]] = []
    monkeypatch.setattr(worker, "tls_context", lambda *arguments: read.append(arguments))

    PullWorker(["pulls"], connection=Redis())

    assert read == [()]


@pytest.mark.parametrize("queues", [[], ["default"], ["pulls", "rq"]])
def test_there_are_no_other_queues(queues: list[str]) -> None:
    with pytest.raises(ValueError, match="checks, nodes, notices, pulls"):
        PullWorker(queues, connection=Redis())


def test_classes_and_serializers_that_are_named_have_no_effect() -> None:
    made = PullWorker(
        ["pulls"], connection=Redis(), job_class=CALL, queue_class=CALL, serializer=CALL, exception_handlers=[CALL]
    )
    assert made.job_class.__module__ == "rq.job"
    assert made.serializer is JSONSerializer
    assert CANARY not in sys.modules


def test_nothing_is_scheduled(pull_worker: PullWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull_worker, "bootstrap", lambda *_: None)
    with pytest.raises(ValueError, match="nothing is scheduled"):
        pull_worker.work(burst=True, with_scheduler=True)


def test_no_work_horse_shares_a_connection_to_the_database(
    pull_worker: PullWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    def fork() -> int:
        steps.append("forked")
        return 4711

    monkeypatch.setattr(worker, "connections", SimpleNamespace(close_all=lambda: steps.append("closed")))
    monkeypatch.setattr(os, "fork", fork)
    monkeypatch.setattr(os, "setpgid", lambda *_: None)

    pull_worker.fork_work_horse(PULL, "pulls")

    assert steps == ["closed", "forked"]
    assert pull_worker.horse_pid == 4711


@pytest.mark.usefixtures("_signals")
def test_a_work_horse_gives_its_pull_back_once(pull_worker: PullWorker) -> None:
    pull_worker.setup_work_horse_signals()

    with pytest.raises(WorkerShutdown):
        signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)  # while it gives it back
    signal.raise_signal(signal.SIGINT)  # which a terminal sends to the worker and its work-horse


@pytest.mark.parametrize(("horse_pid", "passed_on"), [(4711, [signal.SIGTERM]), (0, [])])
def test_a_worker_passes_its_shutdown_on(
    horse_pid: int, passed_on: list[signal.Signals], pull_worker: PullWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    monkeypatch.setattr(pull_worker, "kill_horse", sent.append)
    pull_worker._horse_pid = horse_pid

    pull_worker.handle_warm_shutdown_request()

    assert sent == passed_on


@pytest.mark.usefixtures("_signals")
@pytest.mark.parametrize("job", KINDS)
def test_a_job_is_the_function_of_the_settings_with_the_id(
    job: str, pull_worker: PullWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []
    monkeypatch.setitem(pull_worker._functions, job, called.append)
    seconds: list[int] = []
    monkeypatch.setattr(signal, "alarm", seconds.append)

    pull_worker.run_job(Wakeup(job, PULL.row))

    assert called == [str(PULL.row)]
    assert seconds == [KINDS[job].max_seconds, 0]
    made = PullWorker(["pulls"], connection=Redis())
    function = made._functions[job]
    assert f"{function.__module__}.{function.__qualname__}" == settings.WAKEUP_JOBS[job]


@pytest.mark.usefixtures("_signals")
def test_a_job_that_takes_too_long_is_ended(pull_worker: PullWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pull_worker._functions, "pull", lambda row_id: signal.raise_signal(signal.SIGALRM))
    with pytest.raises(JobTimeoutException):
        pull_worker.run_job(PULL)


@pytest.mark.usefixtures("_signals")
def test_a_job_runs_in_a_work_horse_that_is_reported(queues: Redis, settings: Settings, tmp_path: object) -> None:
    mark = f"{tmp_path}/ran"
    made = PullWorker(["pulls"], connection=queues, name="real")
    seen: list[object] = []

    def run(row_id: str) -> None:
        seen.append(read_workers(queues))
        with open(mark, "w") as file:
            file.write(f"{row_id} {os.getppid()} {read_workers(queues)[0].wakeup == PULL}")

    made._functions["pull"] = run
    push("pulls", PULL)

    assert made.work(burst=True) is True

    with open(mark) as file:
        assert file.read() == f"{PULL.row} {os.getpid()} True"
    assert seen == []  # in this process
    assert read_workers(queues) == []


@pytest.mark.usefixtures("_signals")
def test_a_work_horse_that_is_killed_is_logged_and_the_worker_goes_on(
    queues: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    made = PullWorker(["checks", "pulls"], connection=queues, name="real")
    made._functions["check"] = lambda row_id: os.kill(os.getpid(), signal.SIGKILL)
    made._functions["pull"] = lambda row_id: None
    push("checks", Wakeup("check", PULL.row))
    push("pulls", PULL)

    made.work(burst=True)

    assert queues.llen("rq:queue:pulls") == 0
    assert caplog.text.count("work_horse_ended") == 1


def test_without_a_redis_that_works_a_worker_waits_longer_each_time(
    pull_worker: PullWorker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    errors = [
        RedisConnectionError("hunter2"),
        RedisTimeoutError("hunter2"),
        ReadOnlyError("hunter2"),
        OutOfMemoryError("hunter2"),
        NoPermissionError("hunter2"),
        ResponseError("MISCONF hunter2"),
        InvalidResponse("hunter2"),
        OSError("hunter2"),
    ]
    answers: Iterator[Exception | Wakeup] = iter([*errors, PULL])

    def take(*_: object) -> Wakeup:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    paused: list[float] = []
    monkeypatch.setattr(worker, "take", take)
    monkeypatch.setattr(worker, "report", lambda *_: None)
    monkeypatch.setattr(time, "sleep", paused.append)

    assert pull_worker.dequeue_job_and_maintain_ttl(30) == (PULL, "pulls")
    assert paused == [1, 2, 4, 8, 16, 30, 30, 30]
    assert "redis_unusable" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    ("timeout", "max_idle", "waits", "reports"),
    [(None, None, [None], 1), (30, 1, [1], 1), (30, 45, [30, 30], 2), (30, 3600, [30] * 120, 120)],
)
def test_an_idle_worker_reports_and_ends_if_it_may(
    pull_worker: PullWorker,
    monkeypatch: pytest.MonkeyPatch,
    timeout: int | None,
    max_idle: int | None,
    waits: list[int | None],
    reports: int,
) -> None:
    now, waited = [0.0], list[int | None]()
    reported: list[object] = []

    def take(connection: object, queues: object, seconds: int | None) -> None:
        waited.append(seconds)
        now[0] += seconds or 0

    monkeypatch.setattr(worker, "take", take)
    monkeypatch.setattr(worker, "report", lambda *arguments: reported.append(arguments))
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    assert pull_worker.dequeue_job_and_maintain_ttl(timeout, max_idle) is None
    assert (waited, len(reported)) == (waits, reports)


@pytest.mark.usefixtures("_signals")
@pytest.mark.parametrize("job", KINDS)
def test_a_work_horse_that_does_not_end_is_killed(
    pull_worker: PullWorker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, job: str
) -> None:
    now, killed = [0.0], list[float]()
    reported: list[object] = []

    def wait() -> tuple[int, int, None]:
        if killed:
            return 4711, signal.SIGKILL, None
        now[0] += worker.REPORT_SECONDS
        raise HorseMonitorTimeoutException

    monkeypatch.setattr(pull_worker, "wait_for_horse", wait)
    monkeypatch.setattr(pull_worker, "kill_horse", lambda: killed.append(now[0]))
    monkeypatch.setattr(worker, "report", lambda *arguments: reported.append(arguments))
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    pull_worker.monitor_work_horse(Wakeup(job, PULL.row))

    assert killed == [KINDS[job].max_seconds + worker.KILL_AFTER_SECONDS + worker.REPORT_SECONDS]
    assert len(reported) == killed[0] / worker.REPORT_SECONDS
    assert "work_horse_ended" in caplog.text


@pytest.mark.usefixtures("_signals")
@pytest.mark.parametrize(("error", "code"), [(None, 0), (ValueError("hunter2"), 1), (KeyboardInterrupt(), 1)])
def test_a_work_horse_always_exits(
    pull_worker: PullWorker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: BaseException | None,
    code: int,
) -> None:
    class Exited(BaseException):
        pass

    def leave(number: int) -> None:
        exits.append(number)
        raise Exited

    def run(row_id: str) -> None:
        if error:
            raise error

    exits: list[int] = []
    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setitem(pull_worker._functions, "pull", run)

    with pytest.raises(Exited):
        pull_worker.main_work_horse(PULL, "pulls")

    assert exits == [code]
    assert ("work_horse_failed" in caplog.text) is bool(code)
    assert "hunter2" not in caplog.text


def test_a_busy_worker_that_ends_says_so(queues: Redis) -> None:
    made = PullWorker(["pulls"], connection=queues, name="ends")
    made.bootstrap()
    made._report(state="busy", wakeup=PULL.entry.decode())
    made.set_state("idle")
    with pytest.raises(StopRequested):  # nothing runs any more: it ends at once
        made._shutdown()  # type: ignore[no-untyped-call]
    made._report(state="busy")
    made._shutdown()  # type: ignore[no-untyped-call]
    assert [found.state for found in read_workers(queues)] == ["stopping"]
