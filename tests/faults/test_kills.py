"""A pull is held at each of its turns, and there its work-horse, its worker, or both are killed."""

from __future__ import annotations

import signal
from typing import Literal

import pytest

from groups import failpoints
from tests.faults.portal import send
from tests.faults.stage import PausableWorker, Stage

Way = Literal["horse", "worker", "both"]
WAYS: tuple[Way, ...] = ("horse", "worker", "both")
WHEN_IT_FAILS = {failpoints.FAILING, failpoints.FAILING_INSIDE, failpoints.FAILED}
IN_A_TRANSACTION = {failpoints.FINISHING_INSIDE, failpoints.FAILING_INSIDE}
WHEN_HANDED_OVER = {failpoints.RELEASING, failpoints.RELEASED}


@pytest.mark.parametrize("point", failpoints.NAMES)
def test_a_pull_comes_to_its_end_whoever_is_killed(point: str, stage: Stage) -> None:
    victims = {way: PausableWorker(stage.portal) for way in WAYS}
    first = first_pause(point)
    for victim in victims.values():
        victim.pause_at(first)
    stage.until(lambda: all(victim.is_listening for victim in victims.values()))
    tag = "no-such-tag" if point in WHEN_IT_FAILS else "1.0"
    pulls = [stage.pull(tag) for _ in WAYS]
    # Each has its pull before the first is killed, so that none takes up what another one lost; and all pulls are made
    # before the first pauses in a transaction, in which SQLite lets nobody write.
    stage.until(lambda: all(victim.paused_at(first) for victim in victims.values()))
    if first != point:
        for victim in victims.values():
            continue_to(victim, first, point, ending=point in WHEN_HANDED_OVER)

    # One after the other, as they come: in a transaction the first one may keep the others waiting.
    if point not in IN_A_TRANSACTION:
        stage.until(lambda: all(victim.paused_at(point) for victim in victims.values()))
    left = dict(victims)
    while left:
        way = stage.until(lambda: next((way for way, victim in left.items() if victim.paused_at(point)), None))
        kill(left.pop(way), point, way)
    if not stage.portal.workers():
        stage.portal.start_worker()
    ends = stage.settle(*pulls)

    failed = point in WHEN_IT_FAILS
    assert {end["status"] for end in ends} == {"failed" if failed else "ready"}
    assert {end["failure"] for end in ends} == {"image_not_found" if failed else None}
    assert {end["live_credential"] for end in ends} == {failed}, "an image that is not there doesn't cost it"
    assert sorted(end["attempt"] for end in ends) == attempts(point)
    stage.end_workers()
    stage.check()


def attempts(point: str) -> list[int]:
    """How many attempts the three pulls need: one more each that loses its work-horse before it is over."""
    if point in WHEN_HANDED_OVER:
        return [2, 2, 2]
    return [1, 1, 1] if point in (failpoints.FINISHED, failpoints.FAILED) else [1, 2, 2]


def first_pause(point: str) -> str:
    """Where the workers pause first, on the way to the failpoint."""
    if point in WHEN_HANDED_OVER:
        return failpoints.LAYER_BEGINS
    return failpoints.CLAIMED if point in IN_A_TRANSACTION else point


def continue_to(victim: PausableWorker, first: str, point: str, *, ending: bool) -> None:
    """Have a worker that pauses continue to the failpoint; `ending` has it hand its pull over."""
    victim.pause_at(point)
    if ending:
        victim.process.send(signal.SIGTERM)
    (victim.folder / first).unlink()


def kill(victim: PausableWorker, point: str, way: Way) -> None:
    """Kill what waits at the failpoint, and release whoever survives."""
    horse = victim.paused_at(point)
    assert horse is not None
    assert horse in victim.process.horses()
    if way in ("horse", "both"):
        send(horse, signal.SIGKILL)
    if way in ("worker", "both"):
        victim.process.send(signal.SIGKILL)
    victim.resume()
