"""What happens to layers that are coming, or wait for a thread, while something else ends the pull."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from groups import failpoints
from groups.ingest.claim import Claim
from groups.ingest.layers import pull_layers
from registries.failures import DigestMismatch, RegistryUnreachable
from tests.support.fakes.layers import Body, Registry, described, pinned
from tests.support.pulls import stored_files

COMING = os.urandom(200)


def coming(registry: Registry, monkeypatch: pytest.MonkeyPatch, first: Callable[[], None]) -> list[bool]:
    """Let the large layer do `first` after some bytes, wait for the end, and go on as if nothing had happened.
    Returns whether it was aborted, once it was."""
    aborted: list[bool] = []
    really = Body.readinto

    def readinto(body: Body, buffer: memoryview) -> int:
        if body.content == COMING and body.received and not aborted:
            first()
            aborted.append(registry.aborted.wait(10))
            threading.Event().wait(0.05)  # it takes a moment to notice
        return really(body, buffer)

    monkeypatch.setattr(Body, "readinto", readinto)
    return aborted


def test_a_failure_stops_the_others_before_the_pull_is_over(
    held: Claim, blobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = os.urandom(10)
    registry = Registry(COMING, failing)
    under_way = threading.Event()
    aborted = coming(registry, monkeypatch, under_way.set)

    def reached(name: str) -> None:
        if name == failpoints.LAYER_BEGINS and len(registry.asked) == 1:
            assert under_way.wait(10)

    monkeypatch.setattr("groups.ingest.layers.reached", reached)
    registry.fails = {described(failing).digest: DigestMismatch(what="a layer")}

    with pytest.raises(DigestMismatch):
        pull_layers(pinned(held, registry), registry.client, "team/app", registry.manifest)

    assert aborted == [True]
    assert registry.bodies[0].closed, "its thread has ended"
    assert stored_files(blobs) == []


def test_those_that_wait_for_a_thread_are_not_begun(held: Claim, blobs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("groups.ingest.layers.os.sched_getaffinity", lambda process: {0, 1})
    failing, slow, last = os.urandom(300), os.urandom(100), os.urandom(30)  # the largest first
    registry = Registry(failing, COMING, slow, last)
    registry.fails = {described(failing).digest: DigestMismatch(what="a layer")}
    really = Body.readinto

    def readinto(body: Body, buffer: memoryview) -> int:
        assert registry.aborted.wait(10)
        return really(body, buffer)

    monkeypatch.setattr(Body, "readinto", readinto)
    with pytest.raises(DigestMismatch):
        pull_layers(pinned(held, registry), registry.client, "team/app", registry.manifest)

    assert described(last).digest not in {digest for digest, _ in registry.asked}


def test_one_that_does_not_notice_is_not_waited_for(held: Claim, blobs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("groups.ingest.layers.MAX_CLEANUP_SECONDS", 0.05)
    failing, under_way, go_on, ended = os.urandom(10), threading.Event(), threading.Event(), list[bool]()
    registry = Registry(COMING, failing)
    really = Body.readinto

    def readinto(body: Body, buffer: memoryview) -> int:
        if body.content == COMING and body.received:
            under_way.set()
            ended.append(go_on.wait(10))
        return really(body, buffer)

    def reached(name: str) -> None:
        if name == failpoints.LAYER_BEGINS and len(registry.asked) == 1:
            assert under_way.wait(10)

    monkeypatch.setattr(Body, "readinto", readinto)
    monkeypatch.setattr("groups.ingest.layers.reached", reached)
    registry.fails = {described(failing).digest: DigestMismatch(what="a layer")}
    try:
        with pytest.raises(DigestMismatch):
            pull_layers(pinned(held, registry), registry.client, "team/app", registry.manifest)
        assert ended == []
    finally:
        go_on.set()


def test_an_hour_is_over_also_for_one_that_waits_for_the_registry(
    held: Claim, blobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("groups.ingest.layers.PROGRESS_SECONDS", 0.01)
    registry = Registry(COMING)
    aborted = coming(registry, monkeypatch, lambda: setattr(held, "_began", float("-inf")))

    with pytest.raises(RegistryUnreachable) as late:
        pull_layers(pinned(held, registry), registry.client, "team/app", registry.manifest)

    assert (late.value.raw, aborted) == ("deadline", [True])
    assert stored_files(blobs) == []
