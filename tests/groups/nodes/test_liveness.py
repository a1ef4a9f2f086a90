"""What becomes of the instances of a node that went silent or was removed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import QuerySet
from django.test import Client
from django.utils import timezone

from groups.actions.lifecycle import start, stop
from groups.models import ContainerGroup, Instance, Node, NodeToken
from groups.nodes import liveness
from groups.nodes.authentication import NotAuthenticated
from groups.nodes.liveness import release_silent, remove
from groups.nodes.poll import poll
from groups.nodes.report import Capacity, Report
from groups.rules.replicas import take_from_node
from groups.rules.states import Stale
from registries.foundation.actor import CONSOLE
from tests.support.database_clock import Clock, clock
from tests.support.delivery_setup import NodeInHand, make_group, prepare_all, started

__all__ = ["clock"]


def last_seen(node: NodeInHand, *, seconds: int) -> None:
    Node.objects.filter(pk=node.row.pk).update(last_seen_at=timezone.now() - timedelta(seconds=seconds))


def listed(given: dict[str, Any], state: str = "running") -> dict[str, Any]:
    return {"id": given["instance"], "state": state, "progress": 0, "message": ""}


def status() -> str:
    return ContainerGroup.objects.get().status


@pytest.mark.parametrize("state", ["allocating", "downloading", "creating", "running"])
def test_what_a_silent_node_had_is_allocated_again(given: dict[str, Any], node: NodeInHand, state: str) -> None:
    Instance.objects.update(state=state)
    ContainerGroup.objects.update(status="running" if state == "running" else "deploying")
    last_seen(node, seconds=91)

    assert release_silent() == 1
    assert release_silent() == 0

    instance = Instance.objects.get()
    assert (instance.state, instance.node, instance.assigned_at) == ("allocating", None, None)
    assert status() == "deploying"
    assert NodeToken.objects.get().ended_because == "node silent"


def test_a_session_of_a_silent_node_is_over(given: dict[str, Any], node: NodeInHand) -> None:
    bearer = node.bearer(given["token"])
    assert Client().get("/v2/", headers=bearer).status_code == 200
    last_seen(node, seconds=91)
    release_silent()
    assert Client().get("/v2/", headers=bearer).status_code == 401


def test_what_was_stopping_on_a_silent_node_is_gone(given: dict[str, Any], node: NodeInHand) -> None:
    stop(ContainerGroup.objects.get(), by=CONSOLE)
    last_seen(node, seconds=91)

    assert release_silent() == 1

    assert not Instance.objects.exists()
    assert status() == "stopped"


def test_a_node_is_silent_after_90_seconds(clock: Clock, given: dict[str, Any], node: NodeInHand) -> None:
    clock.shift(90)
    assert release_silent() == 0
    assert Instance.objects.get().node == node.row
    assert list(Node.objects.present()) == [node.row]
    clock.shift(1)
    assert not Node.objects.present().exists()
    assert release_silent() == 1
    assert Instance.objects.get().node is None


@pytest.mark.parametrize("how", ["silent", "removed"])
def test_one_nodes_end_leaves_the_others_alone(
    given: dict[str, Any], node: NodeInHand, other_node: NodeInHand, acme: Any, image: Any, how: str
) -> None:
    theirs = started(make_group(acme, image, "theirs"), other_node)
    Instance.objects.create(group=make_group(acme, image, "stopped"), node=other_node.row, state="stopping")
    bearer = other_node.bearer(theirs["token"])
    before = list(Instance.objects.filter(node=other_node.row).values())

    if how == "silent":
        last_seen(node, seconds=91)
        assert release_silent() == 1
    else:
        assert remove(node.row, by=CONSOLE)

    assert Instance.objects.get(pk=given["instance"]).node is None
    assert list(Instance.objects.filter(node=other_node.row).values()) == before
    assert len(before) == 2
    assert Client().get("/v2/", headers=bearer).status_code == 200
    assert other_node.poll(listed(theirs, "downloading")).status_code == 200
    assert Node.objects.get(pk=other_node.row.pk).status == "active"


def test_a_node_that_polls_just_before_it_would_be_released_keeps_what_it_has(
    given: dict[str, Any], node: NodeInHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    last_seen(node, seconds=91)
    really = QuerySet.select_for_update

    def polls_first(self: Any, **options: Any) -> Any:
        if self.model is Node:
            last_seen(node, seconds=0)
        return really(self, **options)

    monkeypatch.setattr(QuerySet, "select_for_update", polls_first)
    assert release_silent() == 0
    assert Instance.objects.get().node == node.row


def test_a_removed_node_is_not_released_again_and_one_without_instances_is_no_matter(
    node: NodeInHand, other_node: NodeInHand, group: Any
) -> None:
    last_seen(other_node, seconds=91)
    assert release_silent() == 0, "it has nothing"
    assert remove(node.row, by=CONSOLE)
    last_seen(node, seconds=91)
    Instance.objects.create(group=group, node=node.row)
    assert release_silent() == 0


def test_an_instance_that_stops_in_between_does_not_keep_the_others(
    acme: Any, image: Any, node: NodeInHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(make_group(acme, image, replicas=2), by=CONSOLE)
    node.poll()
    first, second = Instance.objects.filter(node=node.row).exclude(state="stopping")  # in the order in which they go
    really = take_from_node

    def stopped_in_between(instance: Instance, **values: Any) -> None:
        if instance.pk == first.pk:
            raise Stale
        really(instance, **values)

    monkeypatch.setattr(liveness, "take_from_node", stopped_in_between)
    last_seen(node, seconds=91)
    assert release_silent() == 1
    assert [Instance.objects.get(pk=row.pk).node is None for row in (first, second)] == [False, True]


def test_another_node_takes_over_and_the_first_has_to_stop(
    given: dict[str, Any], node: NodeInHand, other_node: NodeInHand
) -> None:
    node.poll(listed(given))
    assert status() == "running"
    last_seen(node, seconds=91)
    release_silent()
    other_node.poll()
    prepare_all()
    (start,) = other_node.poll().json()["start"]
    assert start["instance"] == given["instance"]

    assert node.poll(listed(given)).json() == {"start": [], "stop": [given["instance"]]}
    assert Instance.objects.get().node == other_node.row
    assert node.poll().json() == {"start": [], "stop": []}


def test_a_node_that_comes_back_alone_stops_first_and_starts_then(given: dict[str, Any], node: NodeInHand) -> None:
    node.poll(listed(given))
    last_seen(node, seconds=91)
    release_silent()

    for state in ("running", "stopping"):
        assert node.poll(listed(given, state)).json() == {"start": [], "stop": [given["instance"]]}
    (start,) = node.poll().json()["start"]
    assert start["instance"] == given["instance"]


def test_a_removed_node_gives_everything_back(given: dict[str, Any], node: NodeInHand) -> None:
    bearer = node.bearer(given["token"])
    Instance.objects.update(state="running")
    ContainerGroup.objects.update(status="running")

    assert remove(node.row, by=CONSOLE)
    assert not remove(node.row, by=CONSOLE)

    instance = Instance.objects.get()
    assert (instance.state, instance.node, status()) == ("allocating", None, "deploying")
    assert not NodeToken.objects.filter(ended_at__isnull=True).exists()
    assert Client().get("/v2/", headers=bearer).status_code == 401
    assert node.poll(listed(given)).status_code == 401


def test_a_poll_that_was_let_in_just_before_the_removal_gets_nothing(group: Any, node: NodeInHand) -> None:
    remove(node.row, by=CONSOLE)
    with pytest.raises(NotAuthenticated):
        poll(node.row, Report(Capacity(8, 16384)))
