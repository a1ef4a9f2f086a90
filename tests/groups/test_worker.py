"""The RQ worker: what it runs, what its signals mean, and that nothing in Redis makes it do anything else."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.conf import settings
from pytest_django import Settings
from redis import Redis
from rq.serializers import JSONSerializer
from rq.timeouts import JobTimeoutException

from groups import worker
from groups.ingest.claim import WorkerShutdown
from groups.queues.redis_queues import push, refused_counts
from groups.queues.wakeup import KINDS, QUEUES, Wakeup
from groups.queues.workers import read_workers
from groups.worker import PullWorker
from tests.support.hostile_jobs import CALL, CANARY, put_job

PULL = Wakeup("pull", uuid4())


@pytest.fixture
def pull_worker() -> PullWorker:
    return PullWorker(["pulls"], connection=Redis())  # which connects to nothing


@pytest.fixture
def _signals() -> Iterator[None]:
    """Put back what the process does about signals."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


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


@pytest.fixture
def bursts(queues: Redis, monkeypatch: pytest.MonkeyPatch, _signals: None) -> Callable[[], list[Wakeup]]:
    """Return a way to have a worker empty the queues. It returns what would have been run in work-horses."""

    def burst() -> list[Wakeup]:
        ran: list[Wakeup] = []
        monkeypatch.setattr(PullWorker, "execute_job", lambda self, job, queue: ran.append(job))
        PullWorker(list(QUEUES), connection=queues, name="burst").work(burst=True)
        return ran

    return burst


POISON: dict[str, Callable[[Redis], object]] = {
    "suspended": lambda queues: queues.set("rq:suspended", 1),
    "workers": lambda queues: queues.set("rq:workers", b"x"),
    "workers of a queue": lambda queues: queues.set("rq:workers:pulls", b"x"),
    "its own report": lambda queues: queues.set("rq:worker:burst", b"x"),
    "a worker of its name": lambda queues: queues.hset("rq:worker:burst", "birth", b"x"),
    "its executions": lambda queues: queues.set("rq:worker:burst:executions", b"x"),
    "queues": lambda queues: queues.set("rq:queues", b"x"),
    "a queue": lambda queues: queues.set("rq:queue:checks", b"x"),
    "an intermediate queue": lambda queues: queues.rpush("rq:queue:pulls:intermediate", "job"),
    "first seen": lambda queues: queues.set("rq:queue:pulls:intermediate:first_seen:job", b"x"),
    "a lock": lambda queues: queues.set("rq:clean_registries:pulls", b"1"),
    "started jobs": lambda queues: queues.zadd("rq:wip:pulls", {"job:execution": 1}),
    "finished jobs": lambda queues: queues.zadd("rq:finished:pulls", {"job": 1}),
    "failed jobs": lambda queues: queues.zadd("rq:failed:pulls", {"job": 1}),
    "deferred jobs": lambda queues: queues.zadd("rq:deferred:pulls", {"job": 1}),
    "canceled jobs": lambda queues: queues.zadd("rq:canceled:pulls", {"job": 1}),
    "scheduled jobs": lambda queues: queues.zadd("rq:scheduled:pulls", {"job": 1}),
    "ready jobs": lambda queues: queues.zadd("rq:ready:pulls", {"job": 1}),
    "rate limited jobs": lambda queues: queues.zadd("rq:rate-limited:pulls", {"job": 1}),
    "a scheduler": lambda queues: queues.set("rq:scheduler-lock:pulls", b"1"),
    "a clock": lambda queues: queues.hset("rq:cron_scheduler:x", "name", b"x"),
    "a clock's job": lambda queues: queues.hset("rq:cron_job:x", "func_name", CALL),
    "a group": lambda queues: queues.sadd("rq:groups", "x") + queues.sadd("rq:groups:x", "job"),
    "results": lambda queues: queues.xadd("rq:results:job", {"type": "1", "return_value": CALL}),
    "executions": lambda queues: queues.zadd("rq:executions:job", {"execution": 1}),
    "an execution": lambda queues: queues.hset("rq:execution:job:execution", "created_at", b"x"),
    "dependents": lambda queues: queues.sadd("rq:job:job:dependents", "other"),
    "counts of refusals": lambda queues: queues.set("drayage:refused", b"x"),
}
"""Every key of RQ's and of ours, as somebody else might write it."""


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_no_key_in_redis_runs_or_stops_anything(
    queues: Redis, bursts: Callable[[], list[Wakeup]], poison: Callable[[Redis], object]
) -> None:
    put_job(queues, "checks", job_id="job", success_callback_name=CALL, failure_callback_name=CALL, timeout="-1")
    queues.lrem("rq:queue:checks", 0, "job")
    poison(queues)
    push("pulls", PULL)

    assert bursts() == [PULL]
    assert CANARY not in sys.modules


def test_refused_entries_are_removed_and_what_is_behind_them_runs(
    queues: Redis, bursts: Callable[[], list[Wakeup]]
) -> None:
    for queue in QUEUES:
        put_job(queues, queue, data=b"subprocess.getoutput")
        queues.rpush(f"rq:queue:{queue}", "subprocess.getoutput", "x:y", b"\xff")
    push("pulls", PULL)

    assert bursts() == [PULL]
    assert sum(refused_counts(queues).values()) == 4 * len(QUEUES)
    assert not any(queues.llen(f"rq:queue:{queue}") for queue in QUEUES)


def test_a_worker_reads_only_its_own_keys(queues: Redis, bursts: Callable[[], list[Wakeup]]) -> None:
    """Whatever a new version of RQ reads is looked at before it is added here."""
    push("pulls", PULL)
    said: list[str] = []
    with queues.monitor() as monitor:  # type: ignore[no-untyped-call]
        done = threading.Event()

        def listen() -> None:
            for command in monitor.listen():
                if "stop listening" in command["command"]:
                    break
                said.append(command["command"])
            done.set()

        threading.Thread(target=listen, daemon=True).start()
        bursts()
        queues.echo("stop listening")
        assert done.wait(10)

    used = {" ".join(command.split()[:2]) for command in said}
    used = {command for command in used if not command.startswith(("CLIENT", "HELLO"))}
    assert used == {
        "LPOP rq:queue:checks",
        "LPOP rq:queue:nodes",
        "LPOP rq:queue:notices",
        "LPOP rq:queue:pulls",
        "HSET rq:worker:burst",
        "EXPIRE rq:worker:burst",
        "SADD rq:workers",
        "SRANDMEMBER rq:workers",
        "TYPE rq:workers",
        "TYPE rq:worker:burst",
        "DEL rq:worker:burst",
        "SREM rq:workers",
        "MULTI",
        "EXEC",
    }


def test_a_worker_listens_to_no_commands(queues: Redis, bursts: Callable[[], list[Wakeup]]) -> None:
    listeners: list[object] = []

    class Listening(PullWorker):
        def execute_job(self, job: Wakeup, queue: str) -> None:  # type: ignore[override]
            listeners.append(queues.pubsub_channels())
            for data in (b'{"command": "shutdown"}', b'{"command": "kill-horse"}', b"\xff", b"[]", b"x" * 100_000):
                listeners.append(queues.publish("rq:pubsub:listening", data))

    push("pulls", PULL)
    Listening(["pulls"], connection=queues, name="listening").work(burst=True)

    assert listeners == [[], 0, 0, 0, 0, 0]


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
