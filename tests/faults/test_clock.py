"""Workers and sweeper whose clock is an hour off, either way, while the database's and the store's are right."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from groups import failpoints
from tests.faults.stage import GRACE, PausableWorker, Stage

CLOCK = Path(__file__).parent / "clock"


@pytest.mark.parametrize("shift", [3600, -3600])
def test_an_hour_off_changes_nothing(shift: int, own_stage: Callable[..., Stage]) -> None:
    stage = own_stage()
    wrong = {"PYTHONPATH": str(CLOCK), "FAULTS_CLOCK_SHIFT": str(shift)}
    stage.portal.start_redis()
    sweeper = stage.portal.start_sweeper(**wrong)
    held = PausableWorker(stage.portal, **wrong)
    held.pause_at(failpoints.BLOB_NAMED)
    pull = stage.pull()
    stage.until(lambda: held.paused_at(failpoints.BLOB_NAMED))
    blobs = {path for path in stage.portal.blobs.rglob("*") if path.is_file()}

    # Longer than a lease, a heartbeat keeps it; shorter than the grace, so nothing in flight may go.
    time.sleep(GRACE * 0.8)

    assert all(path.exists() for path in blobs)
    status = stage.status(pull)
    assert (status["status"], status["attempt"], status["live_credential"]) == ("pulling", 1, True)
    held.resume()
    (end,) = stage.settle(pull)
    assert (end["status"], end["attempt"]) == ("ready", 1)
    assert sweeper.is_alive
    stage.check()
    # It was really another time over there.
    assert clock_of(stage) == pytest.approx(time.time() + shift, abs=600)


def clock_of(stage: Stage) -> float:
    """What time the workers thought it was, by the latest line of their logs."""
    lines = [line for path in stage.portal.logs.glob("worker-*.log") for line in path.read_text().splitlines()]
    stamps = [json.loads(line)["timestamp"] for line in lines if line.startswith("{")]
    return datetime.fromisoformat(max(stamps)).timestamp()
