"""A node that is emptied: nothing new comes, what it has goes, one after the other."""

from __future__ import annotations

from typing import Any

import pytest

from groups.actions.lifecycle import start
from groups.models import Instance, Node
from groups.nodes import drain as drains
from groups.nodes.drain import cordon, drain, move_next_instances, uncordon
from groups.nodes.instance_moves import move_to_another_node
from groups.nodes.liveness import remove
from groups.rules.states import Stale
from registries.foundation.actor import CONSOLE
from tests.support.activity import recorded_targets
from tests.support.database_clock import Clock, clock
from tests.support.delivery_setup import NodeInHand, make_group, make_node, prepare_all

__all__ = ["clock"]


def running(node: NodeInHand) -> list[dict[str, Any]]:
    """What the node has, all of it said to run."""
    return [{"id": str(instance.pk), "state": "running"} for instance in Instance.objects.filter(node=node.row)]


def test_instances_move_one_by_one(acme: Any, image: Any, node: NodeInHand, other_node: NodeInHand) -> None:
    start(make_group(acme, image, replicas=2), by=CONSOLE)
    node.poll()
    prepare_all()
    node.poll()
    node.poll(*running(node))
    assert Instance.objects.filter(node=node.row, state="running").count() == 2

    assert drain(node.row, by=CONSOLE)
    assert not drain(node.row, by=CONSOLE)
    assert move_next_instances() == 0, "nobody else has room"
    other_node.poll()
    assert move_next_instances() == 1
    assert move_next_instances() == 0, "the first is still on its way"
    moved = Instance.objects.get(node=None)
    assert node.poll({"id": str(moved.pk), "state": "running"}, *running(node)).json()["stop"] == [str(moved.pk)]
    assert Instance.objects.filter(node=node.row).count() == 1

    other_node.poll()
    prepare_all()
    other_node.poll()
    other_node.poll(*running(other_node))
    assert move_next_instances() == 1
    node.poll()
    assert not Instance.objects.filter(node=node.row).exists()
    assert move_next_instances() == 0

    assert uncordon(node.row, by=CONSOLE)
    assert Node.objects.get(pk=node.row.pk).status == "active"


def test_which_nodes_are_drained(node: NodeInHand) -> None:
    assert cordon(node.row, by=CONSOLE)
    assert drain(node.row, by=CONSOLE)
    assert not cordon(node.row, by=CONSOLE)
    assert uncordon(node.row, by=CONSOLE)
    assert not uncordon(node.row, by=CONSOLE)
    assert drain(node.row, by=CONSOLE)
    assert remove(node.row, by=CONSOLE)
    assert not cordon(node.row, by=CONSOLE)
    assert not drain(node.row, by=CONSOLE)
    assert not uncordon(node.row, by=CONSOLE)
    assert Node.objects.get().status == "removed"
    done = ("node.cordoned", "node.drained", "node.uncordoned", "node.drained", "node.removed")
    itself = ("node", str(node.row.pk), "node-1")
    assert recorded_targets(organization=None) == [(action, "operator", *itself) for action in done]


def test_only_the_draining_node_is_emptied(
    clock: Clock, acme: Any, image: Any, node: NodeInHand, other_node: NodeInHand
) -> None:
    """Beside a node that is only cordoned. What is stopping anyway is left to stop."""
    for name, machine in (("ours", node), ("theirs", other_node)):
        start(make_group(acme, image, name), by=CONSOLE)
        machine.poll()
    stopping = Instance.objects.create(
        group=make_group(acme, image, "stopping"), node=node.row, state="stopping", created_at=clock.ago(60)
    )
    third = make_node("node-3")
    third.poll()
    # What is moving from another node, or is stopping, is not waited for.
    for name, excluded, state in (("elsewhere", other_node.row, "creating"), ("over", node.row, "stopping")):
        Instance.objects.create(
            group=make_group(acme, image, name), excluded_node=excluded, excluded_until=clock.ago(-60), state=state
        )
    assert drain(node.row, by=CONSOLE)
    assert cordon(other_node.row, by=CONSOLE)
    assert [row.status for row in Node.objects.order_by("name")] == ["draining", "cordoned", "active"]
    assert move_next_instances() == 1
    moved = Instance.objects.get(group__name="ours")
    assert (moved.node, moved.excluded_node, moved.message) == (None, node.row, "Its node is being drained.")
    assert Instance.objects.get(group__name="theirs").node == other_node.row
    assert Instance.objects.get(pk=stopping.pk).node == node.row
    assert uncordon(other_node.row, by=CONSOLE)


def test_each_draining_node_is_emptied_at_its_own_pace(
    acme: Any, image: Any, node: NodeInHand, other_node: NodeInHand
) -> None:
    third = make_node("node-3")
    third.poll()
    group = make_group(acme, image)
    for machine in (node, node, other_node):
        Instance.objects.create(group=group, node=machine.row, state="running")
    for machine in (node, other_node):
        drain(machine.row, by=CONSOLE)
    assert move_next_instances() == 2
    left = [Instance.objects.filter(node=machine.row).count() for machine in (node, other_node)]
    assert (left, move_next_instances()) == ([1, 0], 0)


def test_the_next_instance_moves_when_the_one_before_runs_or_can_come_back(
    clock: Clock, acme: Any, image: Any, node: NodeInHand, other_node: NodeInHand
) -> None:
    start(make_group(acme, image, replicas=3), by=CONSOLE)
    node.poll()
    drain(node.row, by=CONSOLE)
    other_node.poll(cpu=8)
    assert [move_next_instances(), move_next_instances()] == [1, 0]
    moved = Instance.objects.get(node=None)
    clock.shift(599)
    Node.objects.update(last_seen_at=clock.now)
    assert move_next_instances() == 0
    clock.shift(1)
    assert move_next_instances() == 1, "nobody took it in ten minutes: the others need not wait for it"
    Instance.objects.filter(node=None).update(node=other_node.row, state="creating")
    assert move_next_instances() == 0
    Instance.objects.filter(node=other_node.row).update(state="running")
    assert move_next_instances() == 1
    assert moved in Instance.objects.filter(node=other_node.row)
    assert not Instance.objects.filter(node=node.row).exists()


def test_one_that_can_not_be_moved_does_not_keep_the_next(
    acme: Any, image: Any, node: NodeInHand, other_node: NodeInHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(make_group(acme, image, "large", cpu=7), by=CONSOLE)
    start(make_group(acme, image, "gone"), by=CONSOLE)
    node.poll(cpu=16)
    start(make_group(acme, image, "small"), by=CONSOLE)
    node.poll(*running(node), cpu=16)
    drain(node.row, by=CONSOLE)
    other_node.poll(cpu=2)

    def gone(instance: Instance, *, message: str) -> None:
        if instance.group.name == "gone":
            raise Stale
        move_to_another_node(instance, message=message)

    monkeypatch.setattr(drains, "move_to_another_node", gone)
    assert move_next_instances() == 1
    assert Instance.objects.get(node=None).group.name == "small"
