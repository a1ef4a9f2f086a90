"""The functions that RQ runs: each takes an id and makes one call.

A job never raises: RQ would keep the traceback in Redis. The database says what is to be done; a job that runs twice,
or too late, finds nothing to do and ends.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TypeVar

import structlog
from django.db import close_old_connections

from groups.ingest import check as checking
from groups.ingest import pipeline
from groups.ingest.claim import WorkerShutdown, claim
from groups.nodes import manifests
from registries.foundation.ids import CheckId, ImageId, InstanceId

RowId = TypeVar("RowId")

MAX_PREPARE_SECONDS = 30.0

log = structlog.get_logger(__name__)


def pull(image_id: str) -> None:
    """Pull the image whose turn it is. The id says which one caused the wake-up; organizations take turns."""

    def work(row_id: ImageId) -> None:
        if claimed := claim():
            pipeline.pull(claimed)

    run_job("pull", ImageId, image_id, work)


def prepare(instance_id: str) -> None:
    """Make the manifest with which the instance's node decrypts its image; then all others that are missing, since
    starting a job costs more than making a manifest."""

    def work(row_id: InstanceId) -> None:
        manifests.prepare(row_id)
        manifests.prepare_missing(MAX_PREPARE_SECONDS)

    run_job("prepare", InstanceId, instance_id, work)


def check(check_id: str) -> None:
    """Check the image whose turn it is. The id says which one caused the wake-up."""
    run_job("check", CheckId, check_id, lambda row_id: checking.check())


def run_job(job: str, id_type: Callable[[uuid.UUID], RowId], text: str, work: Callable[[RowId], object]) -> None:
    """Call `work` with the id in `text`, which is of type `id_type`. Errors are logged without a traceback, which might
    hold secrets."""
    close_old_connections()
    try:
        work(id_type(uuid.UUID(text)))
    except WorkerShutdown:
        log.info("job_interrupted", job=job, row=text)
    except Exception as error:
        log.error("job_failed", job=job, row=str(text)[:40], error=type(error).__name__)
    finally:
        close_old_connections()
