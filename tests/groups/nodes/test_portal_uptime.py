"""Silence that is ours and not the nodes'."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from groups.actions.lifecycle import start
from groups.models import Instance, Node, Reception
from groups.nodes import portal_uptime
from groups.nodes.liveness import release_silent
from groups.nodes.portal_uptime import record_heartbeat, start_heartbeat_thread
from registries.foundation.actor import CONSOLE
from tests.support.database_clock import Clock, clock
from tests.support.delivery_setup import NodeInHand, make_group, make_node

__all__ = ["clock"]


def ago(seconds: float) -> Any:
    return timezone.now() - timedelta(seconds=seconds)


def shift(seconds: float) -> None:
    """Let time pass for everything that is remembered here."""
    for node in Node.objects.all():
        if node.last_seen_at is not None:
            Node.objects.filter(pk=node.pk).update(last_seen_at=node.last_seen_at - timedelta(seconds=seconds))
    for row in Reception.objects.all():
        for name in ("beat_at", "open_since"):
            if (was := getattr(row, name)) is not None:
                Reception.objects.filter(pk=1).update(**{name: was - timedelta(seconds=seconds)})


def placed() -> int:
    return Instance.objects.filter(node__isnull=False).count()


@pytest.fixture
def three(acme: Any, image: Any) -> list[NodeInHand]:
    """Three nodes with an instance each."""
    start(make_group(acme, image, replicas=3), by=CONSOLE)
    nodes = [make_node(f"node-{number}") for number in range(3)]
    for node in nodes:
        node.poll(cpu=1)
    assert placed() == 3
    return nodes


def test_after_an_outage_of_the_web_silence_counts_from_its_return(given: dict[str, Any], node: NodeInHand) -> None:
    record_heartbeat()
    shift(300)
    assert release_silent() == 0, "no web process has said that it is here"
    record_heartbeat()
    assert release_silent() == 0, "it has been back for a moment only"
    for _ in range(3):
        shift(31)
        record_heartbeat()
    assert release_silent() == 1
    assert placed() == 0


def test_a_web_that_is_there_all_along_changes_nothing(given: dict[str, Any], node: NodeInHand) -> None:
    record_heartbeat()
    Reception.objects.update(open_since=ago(3600))
    Node.objects.update(last_seen_at=ago(91))
    assert release_silent() == 1


def test_how_long_a_gap_of_heartbeats_is_an_outage(clock: Clock, given: dict[str, Any], node: NodeInHand) -> None:
    """Web processes record one every 15 seconds; two that are missing are no outage, three are."""

    def released() -> int:
        with transaction.atomic():
            count = release_silent()
            transaction.set_rollback(True)
        return count

    def open_since() -> Any:
        return Reception.objects.get().open_since

    record_heartbeat()
    opened = clock.now
    for _ in range(2):
        clock.shift(45)
        assert released() == 0
        record_heartbeat()
        assert open_since() == opened
    clock.shift(45)
    assert released() == 1, "silent for 135 seconds in which the portal was there"
    clock.shift(1)
    assert released() == 0, "for 46 seconds nobody has said that it is"
    record_heartbeat()
    assert (open_since(), Reception.objects.get().beat_at) == (clock.now, clock.now)
    # Nodes have 90 seconds from when it is back.
    for seconds, count in ((30, 0), (30, 0), (29, 0), (1, 1)):
        clock.shift(seconds)
        record_heartbeat()
        assert released() == count


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_thread_records_every_15_seconds_whatever_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    recorded: list[int] = []

    def record() -> None:
        recorded.append(len(slept))
        if len(recorded) == 1:
            raise DatabaseError("away")

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise SystemExit  # ends the thread

    monkeypatch.setattr(portal_uptime, "record_heartbeat", record)
    monkeypatch.setattr(portal_uptime, "close_old_connections", lambda: None)
    monkeypatch.setattr(portal_uptime, "time", SimpleNamespace(sleep=sleep))
    thread = start_heartbeat_thread()
    thread.join(10)
    assert (recorded, slept) == ([0, 1, 2], [15, 15, 15])
    assert (thread.daemon, thread.name) == (True, "portal-heartbeat"), "it keeps no process from ending"


def test_all_nodes_silent_together_are_waited_for(three: list[NodeInHand]) -> None:
    shift(120)
    assert release_silent() == 0
    # The first that is heard again: the others have as long as ever from now on.
    three[0].poll()
    assert release_silent() == 0
    assert Instance.objects.filter(node=three[1].row).exists()
    shift(91)
    three[0].poll()
    assert release_silent() == 2


def test_all_nodes_silent_for_long_are_given_up(clock: Clock, three: list[NodeInHand]) -> None:
    clock.shift(599)
    assert release_silent() == 0
    assert Reception.objects.get().all_silent
    clock.shift(1)
    assert release_silent() == 0, "silence counts from the end of what may have been an outage"
    assert not Reception.objects.get().all_silent
    clock.shift(89)
    assert release_silent() == 0
    clock.shift(1)
    assert release_silent() == 3


def test_which_nodes_are_silent_together(clock: Clock, three: list[NodeInHand]) -> None:
    """Three or more, all that have instances, within 45 seconds."""

    def released(*seconds: int | None) -> int:
        with transaction.atomic():
            for node, passed in zip(three, seconds, strict=True):
                seen = clock.ago(passed) if passed is not None else None
                Node.objects.filter(pk=node.row.pk).update(last_seen_at=seen)
            count = release_silent()
            transaction.set_rollback(True)
        return count

    assert released(100, 120, 145) == 0
    assert released(100, 120, 146) == 3, "the last was silent long before"
    assert released(44, 91, 89) == 1, "one is there"
    # One without an instance shows that the portal can be reached.
    idle = make_node("idle", last_seen_at=clock.ago(44))
    assert released(100, 100, 100) == 3
    Node.objects.filter(pk=idle.row.pk).update(last_seen_at=clock.ago(45))
    assert released(100, 100, 100) == 0, "it may be silent as well"
    # Two are too few to tell, and one that has never polled is not silent.
    assert released(100, 100, None) == 2
    Instance.objects.filter(node=three[2].row).delete()
    assert released(100, 100, 100) == 2


def test_nodes_that_went_one_after_the_other_are_silent(three: list[NodeInHand]) -> None:
    Node.objects.filter(pk=three[0].row.pk).update(last_seen_at=ago(400))
    Node.objects.exclude(pk=three[0].row.pk).update(last_seen_at=ago(100))
    assert release_silent() == 3
