"""The RQ worker, without Redis and without a process: what it does before it forks, and what its signals mean."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from redis import Redis
from rq import Worker

from groups import worker
from groups.ingest.claim import WorkerShutdown
from groups.worker import PullWorker


@pytest.fixture
def pull_worker() -> PullWorker:
    return PullWorker(["pulls"], connection=Redis(), prepare_for_work=False)  # which connects to nothing


@pytest.fixture
def _signals() -> Iterator[None]:
    """Put back what the process does about signals."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_the_public_authorities_are_read_before_there_is_a_work_horse(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[object, ...]] = []
    monkeypatch.setattr(worker, "tls_context", lambda *arguments: read.append(arguments))

    PullWorker(["pulls"], connection=Redis(), prepare_for_work=False)

    assert read == [()]


def test_its_intervals_are_short(pull_worker: PullWorker) -> None:
    assert pull_worker.maintenance_interval == 30
    assert pull_worker.worker_ttl == 45
    assert pull_worker.job_monitoring_interval == 10
    assert pull_worker.log_job_description is False


def test_no_work_horse_shares_a_connection_to_the_database(
    pull_worker: PullWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[object] = []
    monkeypatch.setattr(worker, "connections", SimpleNamespace(close_all=lambda: steps.append("closed")))
    monkeypatch.setattr(Worker, "fork_work_horse", lambda self, job, queue: steps.append((job, queue)))

    pull_worker.fork_work_horse("job", "queue")  # type: ignore[arg-type]

    assert steps == ["closed", ("job", "queue")]


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
