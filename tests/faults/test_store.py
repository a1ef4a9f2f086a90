"""The disk is full."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults import stage as stages
from tests.faults.checker import files
from tests.faults.disk import small_disk
from tests.faults.stage import Stage
from tests.support.fakes.images import build_image, make_layer

SIZE = 8_000_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    with small_disk(tmp_path / "disk", SIZE) as folder:
        assert folder is not None, "a tmpfs can be mounted by root only"
        yield folder


def test_a_full_disk_is_reported_and_nothing_stays_on_it(
    disk: Path, own_stage: Callable[..., Stage], tmp_path: Path
) -> None:
    stage = own_stage(PORTAL_STORAGE_URL=f"file://{disk}", PORTAL_PULL_RETRY_SECONDS="12")
    large = build_image([make_layer({"noise": os.urandom(5_000_000)}, level=0) for _ in range(2)])
    stages.push(stage.registry, tmp_path / "large", large, tag="large")
    stage.portal.start_redis()
    stage.portal.start_sweeper()
    stage.portal.start_worker()

    too_large = stage.pull("large")
    (end,) = stage.settle(too_large)

    assert (end["status"], end["failure"]) == ("failed", "store_failed")
    assert end["attempt"] > 1  # it may have been somebody else's bytes that were in the way
    stage.until(lambda: not list(files(disk)))
    stage.check()

    (end,) = stage.settle(stage.pull())
    assert end["status"] == "ready"
    stage.check()
