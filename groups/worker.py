"""The RQ worker of the worker zone.

    manage.py rqworker sign_ins checks nodes notices pulls

with `PORTAL_ZONE=worker`, as `portal.runtime.services` starts it. It forks a work-horse for each job, which has
everything imported already. On SIGTERM the work-horse releases its pull for another worker, then both end; a second
SIGTERM ends both at once.

Of RQ it has the loop, the signals and the work-horse. What RQ reads from Redis to act on it is replaced: a job names
no function (`groups.queues`), nobody sends a worker commands, nothing is scheduled, repeated, retried or called back,
and nothing in Redis says how long a job may run. The lease in the database decides which pulls are abandoned.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from types import FrameType
from typing import NoReturn

import structlog
from django.conf import settings
from django.db import connections
from django.utils.module_loading import import_string
from redis import Redis
from redis.exceptions import RedisError
from rq import Worker
from rq.serializers import JSONSerializer
from rq.timeouts import HorseMonitorTimeoutException, JobTimeoutException
from rq.worker import WorkerStatus

from groups import jobs  # noqa: F401 (so that work-horses need not import it)
from groups.ingest.claim import WorkerShutdown
from groups.queues.redis_queues import take
from groups.queues.turns import QueueTurns
from groups.queues.wakeup import KINDS, QUEUES, Wakeup
from groups.queues.workers import forget, forget_gone, report
from registries.oci.transport import tls_context

REPORT_SECONDS = 10
"""A busy worker reports this often."""
WORKER_TTL_SECONDS = 45
KILL_AFTER_SECONDS = 60
"""A work-horse that does not end by itself after its time is killed after this time more."""
MAX_RECONNECT_SECONDS = 30.0

log = structlog.get_logger(__name__)


class PullWorker(Worker):
    """An RQ worker that runs the jobs of `settings.WAKEUP_JOBS` and nothing else, forks before each, and shuts down
    without losing its pull."""

    def __init__(self, queues: Sequence[str], *, connection: Redis, name: str | None = None, **_: object) -> None:
        """Options of RQ's workers have no effect. Raises ValueError for a queue that there isn't."""
        tls_context()  # so that work-horses need not read the public authorities
        if not queues or not set(queues) <= set(QUEUES):
            raise ValueError(f"the queues are {', '.join(QUEUES)}")
        super().__init__(
            list(queues),
            name=name,
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL_SECONDS,
            job_monitoring_interval=REPORT_SECONDS,
            log_job_description=False,
            prepare_for_work=False,
        )
        self.pid = os.getpid()
        self._turns = QueueTurns(queues)
        self._functions: dict[str, Callable[[str], None]] = {
            job: import_string(settings.WAKEUP_JOBS[job]) for job in KINDS
        }

    def bootstrap(self, *_: object, **__: object) -> None:
        """Report that the worker has started. It subscribes to no channel: commands are signals of its own machine."""
        self.register_birth()
        self.set_state(WorkerStatus.STARTED)
        log.info("worker_listening", worker=self.name, queues=self.queue_names())

    def _start_scheduler(self, *_: object, **__: object) -> NoReturn:
        raise ValueError("nothing is scheduled in Redis: the database says what is due")

    def check_for_suspension(self, burst: bool) -> None:
        """Workers are not suspended by a key in Redis."""

    def run_maintenance_tasks(self) -> None:
        """Forget workers that are gone. RQ's registries of jobs are not used: the database has the state of work."""
        forget_gone(self.connection)
        self.last_cleaned_at = datetime.now(UTC)  # type: ignore[assignment]

    def dequeue_job_and_maintain_ttl(  # type: ignore[override]
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Wakeup, str] | None:
        """Return the next job and its queue; None if there is none, without a `timeout` or after `max_idle_time`."""
        self.set_state(WorkerStatus.IDLE)
        idle_since, pause = time.monotonic(), 1.0
        while True:
            if timeout is not None and max_idle_time is not None:
                timeout = max(1, min(timeout, max_idle_time))
            try:
                wakeup = take(self.connection, self._turns, timeout)
                pause = 1.0
            except (RedisError, OSError) as error:  # it is gone, full, read-only, or refuses this user
                log.error("redis_unusable", error=type(error).__name__, retry_seconds=pause)
                time.sleep(pause)
                pause = min(2 * pause, MAX_RECONNECT_SECONDS)
                continue
            if wakeup is not None:
                return wakeup, wakeup.kind.queue
            if timeout is None or (max_idle_time is not None and time.monotonic() - idle_since >= max_idle_time):
                return None
            self.heartbeat()

    def execute_job(self, job: Wakeup, queue: str) -> None:  # type: ignore[override]
        """Run a job in a work-horse and wait for it."""
        self._report(state=WorkerStatus.BUSY, wakeup=job.entry.decode())
        self.fork_work_horse(job, queue)
        self.monitor_work_horse(job)
        self._report(state=WorkerStatus.IDLE, wakeup="")

    def fork_work_horse(self, job: Wakeup, queue: str) -> None:  # type: ignore[override]
        """Fork without sharing database connections with the work-horse."""
        connections.close_all()
        pid = os.fork()
        if pid == 0:
            os.setpgrp()
            self.main_work_horse(job, queue)
        with suppress(OSError):
            os.setpgid(pid, pid)  # here as well: a signal may come before the work-horse has got so far
        self._horse_pid = pid

    def main_work_horse(self, job: Wakeup, queue: str) -> NoReturn:  # type: ignore[override]
        """In the work-horse: run the job and exit, with 0 unless something unexpected happened."""
        code = 1
        try:
            random.seed()
            self._is_horse = True
            self.setup_work_horse_signals()
            self.run_job(job)
            code = 0
        except BaseException as error:
            log.error("work_horse_failed", job=job.job, row=str(job.row), error=type(error).__name__)
        finally:
            os._exit(code)

    def run_job(self, job: Wakeup) -> None:
        """Call the job's function with the id of the row, for as long as the job's kind allows. Raises
        JobTimeoutException."""
        with self.death_penalty_class(job.kind.max_seconds, JobTimeoutException):
            self._functions[job.job](str(job.row))

    def monitor_work_horse(self, job: Wakeup) -> None:  # type: ignore[override]
        """Wait for the work-horse, and report that the worker is alive. Kill it if it exceeds its time by far."""
        since, status = time.monotonic(), None
        while True:
            try:
                with self.death_penalty_class(REPORT_SECONDS, HorseMonitorTimeoutException):
                    _, status, _ = self.wait_for_horse()
                break
            except HorseMonitorTimeoutException:
                if time.monotonic() - since > job.kind.max_seconds + KILL_AFTER_SECONDS:
                    self.kill_horse()
                self.heartbeat()
        self._horse_pid = 0
        if status:
            log.warning("work_horse_ended", job=job.job, row=str(job.row), status=status)

    def setup_work_horse_signals(self) -> None:
        """In the work-horse: let SIGTERM raise WorkerShutdown."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, shut_down)

    def handle_warm_shutdown_request(self) -> None:
        """In the worker: pass the request to shut down on to the work-horse."""
        if self.horse_pid:
            self.kill_horse(signal.SIGTERM)

    def register_birth(self) -> None:
        self._report(queues=",".join(self.queue_names()), birth=_now(), pid=str(self.pid))

    def register_death(self) -> None:
        forget(self.connection, self.name)

    def heartbeat(self, *_: object, **__: object) -> None:
        self._report()

    def set_state(self, state: str, *_: object, **__: object) -> None:
        self._state = state
        self._report(state=state)

    def set_shutdown_requested_date(self) -> None:
        self._report(state="stopping")

    def _report(self, **fields: str) -> None:
        if state := fields.get("state"):
            self._state = state
            fields["state"] = str(getattr(state, "value", state))
        report(self.connection, self.name, fields | {"last_heartbeat": _now()}, WORKER_TTL_SECONDS + 60)


def shut_down(number: int, frame: FrameType | None) -> None:
    """Raise WorkerShutdown in the main thread, once."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise WorkerShutdown


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
