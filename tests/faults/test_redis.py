"""Redis forgets everything, or dies, during pulls and while others wait."""

from __future__ import annotations

import signal
import time

from redis import Redis

from tests.faults.stage import Stage


def test_everything_is_forgotten_and_nothing_is_lost(stage: Stage) -> None:
    stage.proxy.bytes_per_second = 700_000
    stage.portal.start_worker()
    pulls = [stage.pull() for _ in range(3)]
    stage.until(lambda: stage.status(pulls[0])["received"])

    with Redis(unix_socket_path=stage.portal.redis_socket) as client:
        client.flushall()

    ends = stage.settle(*pulls)
    assert [(end["status"], end["attempt"]) for end in ends] == [("ready", 1)] * 3
    stage.end_workers()
    stage.check()


def test_redis_dies_and_comes_back(stage: Stage) -> None:
    stage.proxy.bytes_per_second = 700_000
    stage.portal.start_worker()
    first = stage.pull()
    stage.until(lambda: stage.status(first)["received"])
    redis = stage.portal.redis
    assert redis is not None

    redis.send(signal.SIGKILL)
    redis.wait()
    second = stage.pull()  # a member is answered all the same

    stage.until(lambda: stage.status(first)["status"] == "ready")
    assert stage.status(second)["status"] == "queued"
    ends = stage.settle(first, second)  # which starts Redis again
    assert [(end["status"], end["attempt"]) for end in ends] == [("ready", 1)] * 2
    stage.end_workers()
    stage.check()


def test_a_redis_that_stalls_holds_up_no_answer(stage: Stage) -> None:
    """Longer than the few seconds for which it is waited, once for each wake-up."""
    stage.portal.start_worker()
    first = stage.pull()
    stage.settle(first)
    redis = stage.portal.redis
    assert redis is not None

    redis.send(signal.SIGSTOP)
    began = time.monotonic()
    second = stage.pull()
    took = time.monotonic() - began
    status = stage.status(second)["status"]
    redis.send(signal.SIGCONT)

    assert took < 12
    assert status == "queued"
    (end,) = stage.settle(second)
    assert (end["status"], end["attempt"]) == ("ready", 1)
    stage.end_workers()
    stage.check()
