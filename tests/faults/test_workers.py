"""Workers that run a job twice, resume after their lease, or get SIGTERM; pulls that are deleted under them."""

from __future__ import annotations

import signal
import time

from groups import failpoints
from tests.faults.stage import LEASE, PausableWorker, Stage, kill


def test_the_same_job_for_two_workers_is_done_once(stage: Stage) -> None:
    before = len(stage.proxy.requests)
    pulls = [stage.pull() for _ in range(3)]
    for pull in pulls:
        stage.portal.calls.wake(image=pull.image, times=3)
    stage.portal.start_worker()
    stage.portal.start_worker()

    ends = stage.settle(*pulls)

    assert [(end["status"], end["attempt"]) for end in ends] == [("ready", 1)] * 3
    asked = [request.path for request in stage.proxy.requests[before:] if "/blobs/" in request.path]
    assert sorted(asked) == sorted(3 * list(dict.fromkeys(asked)))
    stage.end_workers()
    stage.check()


def test_a_worker_that_was_taken_for_dead_writes_nothing_when_it_comes_back(stage: Stage) -> None:
    asleep = PausableWorker(stage.portal)
    asleep.pause_at(failpoints.LAYER_STORED)
    pull = stage.pull()
    stage.until(lambda: asleep.paused_at(failpoints.LAYER_STORED))
    members = asleep.process.members()
    kill(members, signal.SIGSTOP)
    stage.portal.start_worker()
    (end,) = stage.settle(pull, seconds=LEASE + 20)
    assert (end["status"], end["attempt"]) == ("ready", 2)
    written = stage.portal.calls.fingerprint(image=pull.image)

    asleep.resume()
    kill(members, signal.SIGCONT)

    stage.until(lambda: not asleep.process.horses())
    assert stage.portal.calls.fingerprint(image=pull.image) == written
    stage.end_workers()
    stage.check()


def test_a_worker_returns_its_pull_on_sigterm(stage: Stage) -> None:
    stage.proxy.bytes_per_second = 300_000
    worker = stage.portal.start_worker()
    pull = stage.pull()
    stage.until(lambda: stage.status(pull)["received"])

    worker.send(signal.SIGTERM)

    assert worker.wait(10) == 0
    left = stage.status(pull)
    assert (left["status"], left["lease"], left["live_credential"]) == ("queued", None, True)
    stage.proxy.bytes_per_second = None
    stage.portal.start_worker()
    (end,) = stage.settle(pull)
    assert (end["status"], end["attempt"]) == ("ready", 2)
    stage.end_workers()
    stage.check()


def test_a_group_that_is_deleted_in_mid_pull_takes_the_pull_with_it(stage: Stage) -> None:
    stage.proxy.bytes_per_second = 100_000
    worker = stage.portal.start_worker()
    pull = stage.pull()
    before = len(stage.proxy.requests)
    stage.until(lambda: any(stage.built.layer_digests[2] in request.path for request in stage.proxy.requests[before:]))

    stage.portal.calls.delete(group=pull.group)
    began = time.monotonic()

    stage.until(lambda: not worker.horses() and not stage.proxy.connections, 10)
    assert time.monotonic() - began < 10
    folder = stage.portal.blobs / pull.organization
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    stage.end_workers()
    stage.check()


def test_a_pull_whose_credential_is_past_its_deadline_ends(stage: Stage) -> None:
    held = PausableWorker(stage.portal)
    held.pause_at(failpoints.CLAIMED)
    pull = stage.pull()
    stage.until(lambda: held.paused_at(failpoints.CLAIMED))

    stage.portal.calls.pass_deadline(image=pull.image)
    stage.until(lambda: not stage.status(pull)["live_credential"])
    held.resume()

    (end,) = stage.settle(pull)
    assert (end["status"], end["failure"]) == ("failed", "credential_expired")
    stage.end_workers()
    stage.check()
