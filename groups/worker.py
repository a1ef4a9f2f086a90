"""The RQ worker of the worker zone.

    manage.py rqworker checks nodes notices pulls --worker-class groups.worker.PullWorker \
        --serializer rq.serializers.JSONSerializer

with `PORTAL_ZONE=worker`, as `portal.runtime.services` starts it. It forks a work-horse for each job, which has
everything imported already. On SIGTERM the work-horse releases its pull for another worker, then both end; a second
SIGTERM ends both at once. RQ's intervals are short and its own records unimportant: the lease in the database decides
which pulls are abandoned, not RQ.
"""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from django.db import connections
from rq import Queue, Worker
from rq.job import Job

from groups import jobs  # noqa: F401 (so that work-horses need not import it)
from groups.ingest.claim import WorkerShutdown
from registries.oci.transport import tls_context

MAINTENANCE_SECONDS = 30
WORKER_TTL_SECONDS = 45
MONITORING_SECONDS = 10


class PullWorker(Worker):
    """An RQ worker that forks before each job and shuts down without losing its pull."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        tls_context()  # so that work-horses need not read the public authorities
        super().__init__(
            *arguments,
            **options
            | {
                "maintenance_interval": MAINTENANCE_SECONDS,
                "worker_ttl": WORKER_TTL_SECONDS,
                "job_monitoring_interval": MONITORING_SECONDS,
                "log_job_description": False,
            },
        )

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        """Fork without sharing database connections with the work-horse."""
        connections.close_all()
        super().fork_work_horse(job, queue)

    def setup_work_horse_signals(self) -> None:
        """In the work-horse: let SIGTERM raise WorkerShutdown."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, shut_down)

    def handle_warm_shutdown_request(self) -> None:
        """In the worker: pass the request to shut down on to the work-horse."""
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call,unused-ignore]
        if self.horse_pid:
            self.kill_horse(signal.SIGTERM)


def shut_down(number: int, frame: FrameType | None) -> None:
    """Raise WorkerShutdown in the main thread, once."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise WorkerShutdown
