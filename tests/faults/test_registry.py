"""The way to the registry breaks in all the ways that networks know, for one pull each at the same time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.faults import stage as stages
from tests.faults.proxy import Request
from tests.faults.stage import Pull, Stage

FAULTS = {
    "reset": {"reset_after": 900_000, "times": 1},
    "stall": {"stall_after": 900_000, "times": 1},
    "drip": {"bytes_per_second": 400, "times": 1},
    "flip": {"flip_at": 700_000, "times": 1},
    "error": {"status": 503, "times": 2},
}


def test_each_break_costs_what_it_must_and_no_more(own_stage: Callable[..., Stage], tmp_path: Path) -> None:
    stage = own_stage(PORTAL_BLOB_GRACE_SECONDS="120")  # longer than a registry may stall, as it must be
    stage.portal.start_redis()
    stage.portal.start_sweeper()
    largest = stage.built.layer_digests[2]
    pulls: dict[str, Pull] = {}
    for name in FAULTS:
        stages.push(stage.registry, tmp_path / name, stage.built, repository=f"broken/{name}")
        stage.proxy.fault(f"/v2/broken/{name}/blobs/{largest}", **FAULTS[name])
        stage.portal.start_worker()
    for name in FAULTS:
        pulls[name] = stage.pull(repository=f"broken/{name}")

    stage.settle(*pulls.values(), seconds=80)

    ends = {name: stage.status(pull) for name, pull in pulls.items()}
    assert {end["status"] for end in ends.values()} == {"ready"}
    # An interrupted transfer resumes where it stopped, within the same attempt.
    for name in ("reset", "stall", "drip"):
        asked = [request.ranged for request in requests(stage, name, largest)]
        assert (ends[name]["attempt"], asked) == (1, [False, True]), name
    # What came wrong, or not at all, is asked for as a whole in the next attempt.
    for name, attempts in (("flip", 2), ("error", 3)):
        asked = [request.ranged for request in requests(stage, name, largest)]
        assert (ends[name]["attempt"], asked) == (attempts, [False] * attempts), name
    stage.end_workers()
    stage.check()


def requests(stage: Stage, name: str, digest: str) -> list[Request]:
    return [
        request for request in stage.proxy.requests_to(f"/v2/broken/{name}/blobs/{digest}") if request.method == "GET"
    ]
