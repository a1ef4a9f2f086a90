"""A node that is emptied: nothing new comes, what it has goes, one after the other."""

from __future__ import annotations

from typing import Any

from groups.actions.lifecycle import start
from groups.models import Instance, Node
from groups.nodes.drain import cordon, drain, move_next_instances, uncordon
from groups.nodes.liveness import remove
from registries.foundation.actor import CONSOLE
from tests.support.delivery_setup import NodeInHand, make_group, prepare_all


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
    assert remove(node.row, by=CONSOLE)
    assert not drain(node.row, by=CONSOLE)
    assert not uncordon(node.row, by=CONSOLE)
