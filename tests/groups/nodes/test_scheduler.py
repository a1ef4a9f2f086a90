"""Which node gets what."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from groups.actions import start
from groups.models import Instance, Node
from groups.nodes.poll import poll
from groups.nodes.report import Capacity, Report, Reported
from tests.groups.delivery.made import NodeInHand, make_group, make_node


def taken_by(node: NodeInHand) -> int:
    return Instance.objects.filter(node=node.row).count()


def check_in(node: NodeInHand, cpu: int = 8, memory_mb: int = 16384) -> int:
    """Poll with all that the node has; return how many instances are its now."""
    has = [Reported(each.pk, each.state) for each in node.row.instances.all()]
    poll(node.row, Report(Capacity(cpu, memory_mb), tuple(has)))
    return taken_by(node)


def test_a_node_takes_what_fits(acme: Any, image: Any, node: NodeInHand) -> None:
    start(make_group(acme, image, replicas=5, cpu=2, memory_mb=1024))
    assert check_in(node, cpu=1) == 0
    assert check_in(node, cpu=5) == 2
    assert check_in(node, cpu=5) == 2
    assert check_in(node, cpu=16, memory_mb=3 * 1024) == 3
    assert check_in(node, cpu=16, memory_mb=64 * 1024) == 5


def test_what_is_too_large_does_not_block_what_fits(acme: Any, image: Any, node: NodeInHand) -> None:
    start(make_group(acme, image, "large", cpu=16))
    small = make_group(acme, image, "small", cpu=1)
    start(small)
    assert check_in(node, cpu=4) == 1
    assert Instance.objects.get(node=node.row).group == small


def test_replicas_are_spread(acme: Any, image: Any) -> None:
    nodes = [make_node(f"node-{number}") for number in range(3)]
    for each in nodes:
        check_in(each)
    start(make_group(acme, image, replicas=7))
    for _ in range(4):
        for each in nodes:
            check_in(each)
    assert sorted(taken_by(each) for each in nodes) == [2, 2, 3]


def test_a_node_alone_takes_all(acme: Any, image: Any, node: NodeInHand, other_node: NodeInHand) -> None:
    check_in(other_node)
    Node.objects.filter(pk=other_node.row.pk).update(last_seen_at=timezone.now() - timedelta(minutes=5))
    start(make_group(acme, image, replicas=3))
    assert check_in(node) == 3


def test_a_node_without_room_is_no_better_place(
    acme: Any, image: Any, node: NodeInHand, other_node: NodeInHand
) -> None:
    check_in(other_node, cpu=1)
    start(make_group(acme, image, "first", cpu=1))
    assert check_in(other_node, cpu=1) == 1
    start(make_group(acme, image, "second", replicas=3))
    assert check_in(node) == 3


def test_only_active_nodes_take(group: Any, node: NodeInHand) -> None:
    node.row.status = Node.Status.CORDONED
    node.row.save()
    start(group)
    assert check_in(node) == 0


def test_a_group_that_does_not_want_to_run_is_left(group: Any, node: NodeInHand) -> None:
    Instance.objects.create(group=group)
    assert check_in(node) == 0


@pytest.mark.django_db(transaction=True)
def test_of_many_nodes_at_once_each_instance_goes_to_one(acme: Any, image: Any) -> None:
    nodes = [make_node(f"node-{number}") for number in range(16)]
    for each in nodes:
        check_in(each, cpu=4)
    start(make_group(acme, image, replicas=10))
    barrier, given = Barrier(len(nodes)), []

    def come(node: NodeInHand) -> None:
        try:
            barrier.wait()
            poll(node.row, Report(Capacity(4, 4096)))
            given.append(taken_by(node))
        finally:
            connection.close()

    threads = [Thread(target=come, args=(each,)) for each in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(given) == 10
    assert len(given) == 16
    assert not Instance.objects.filter(node__isnull=True).exists()
    assert max(given) == 1, "spread as far as it goes"
