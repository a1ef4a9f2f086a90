"""Silence that is ours and not the nodes'."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from groups.actions.lifecycle import start
from groups.models import Instance, Node, Reception
from groups.nodes.liveness import release_silent
from groups.nodes.portal_uptime import record_heartbeat
from registries.foundation.actor import CONSOLE
from tests.support.delivery_setup import NodeInHand, make_group, make_node


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


def test_all_nodes_silent_for_long_are_given_up(three: list[NodeInHand]) -> None:
    shift(601)
    assert release_silent() == 3


def test_nodes_that_went_one_after_the_other_are_silent(three: list[NodeInHand]) -> None:
    Node.objects.filter(pk=three[0].row.pk).update(last_seen_at=ago(400))
    Node.objects.exclude(pk=three[0].row.pk).update(last_seen_at=ago(100))
    assert release_silent() == 3
