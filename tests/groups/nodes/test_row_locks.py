"""Which rows are locked for a poll, a move and a node's end: its own only, and groups before their instances.

Another order could deadlock, and a lock on what belongs to others would make them wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from unittest import mock

import pytest

from groups.actions.lifecycle import start
from groups.models import Instance, Node
from groups.models.node import SILENT_AFTER
from groups.nodes import instance_changes, instance_moves, liveness
from groups.nodes.enrolment import create_replacement
from groups.nodes.instance_orders import reallocate, set_deletion_cost
from groups.nodes.liveness import release_silent, remove
from groups.nodes.portal_uptime import counts_silence, record_heartbeat
from registries.foundation.actor import CONSOLE
from tests.support.database_clock import Clock, clock
from tests.support.delivery_setup import NodeInHand, make_group
from tests.support.node_reports import listed
from tests.support.row_locks import RowLock, row_lock_queries

__all__ = ["clock"]

GROUPS, INSTANCES, NODES = "groups_containergroup", "groups_instance", "groups_node"


@pytest.fixture(autouse=True)
def _others(acme: Any, image: Any, other_node: NodeInHand) -> None:
    """What nobody here has to wait for: an instance of another group, on another node."""
    Instance.objects.create(group=make_group(acme, image, "theirs"), node=other_node.row)


def group_lock(*groups: Any, order: tuple[str, ...] = ("pk",)) -> RowLock:
    return RowLock(GROUPS, frozenset(group.pk for group in groups), is_weak=True, order=order)


@contextmanager
def locks_before(module: ModuleType, step: str) -> Iterator[list[list[RowLock]]]:
    """What was locked each time when the module took this step."""
    before: list[list[RowLock]] = []
    really = getattr(module, step)

    def take(*arguments: Any, **values: Any) -> Any:
        before.append(list(locks))
        return really(*arguments, **values)

    with row_lock_queries() as locks, mock.patch.object(module, step, take):
        yield before


def test_a_report_locks_the_groups_whose_instances_it_moves_before_it_does(
    group: Any, node: NodeInHand, given: dict[str, Any]
) -> None:
    with locks_before(instance_changes, "move") as before:
        node.poll(listed(given, "running"))
    assert before == [[group_lock(group)]]
    # One that only says how far it is, or nothing new, makes nobody wait.
    for message in ("layer 2 of 3", "layer 2 of 3"):
        with row_lock_queries() as locks:
            node.poll(listed(given, "running", message=message))
        assert locks == []
    assert Instance.objects.get(pk=given["instance"]).message == "layer 2 of 3"


def test_an_instance_that_waits_is_taken_unless_another_poll_has_it_locked(group: Any, node: NodeInHand) -> None:
    start(group, by=CONSOLE)
    with row_lock_queries() as locks:
        node.poll()
    assert locks == [RowLock(INSTANCES, frozenset({group.instances.get().pk}), is_weak=False, skips=True)]


def test_a_move_locks_the_group_first(group: Any, node: NodeInHand, given: dict[str, Any]) -> None:
    with locks_before(instance_moves, "take_from_node") as before:
        reallocate(group.instances.get(), by=CONSOLE)
    assert before == [[group_lock(group, order=())]]


@pytest.mark.parametrize("how", ["silent", "removed"])
def test_the_end_of_a_node_locks_it_then_its_groups_then_their_instances(
    clock: Clock,
    acme: Any,
    image: Any,
    group: Any,
    node: NodeInHand,
    given: dict[str, Any],
    how: str,
) -> None:
    second = make_group(acme, image, "second")
    Instance.objects.create(group=second, node=node.row)
    clock.shift(91)
    Node.objects.exclude(pk=node.row.pk).update(last_seen_at=clock.now)
    with locks_before(liveness, "take_from_node") as before:
        if how == "silent":
            assert release_silent() == 1
        else:
            assert remove(node.row, by=CONSOLE)
    assert len(before) == 2
    own = [RowLock(NODES, frozenset({node.row.pk}), is_weak=True)] if how == "silent" else []
    assert [lock for lock in before[0] if lock.table in (NODES, GROUPS)] == [*own, group_lock(group, second)]


def test_what_is_read_to_be_changed_is_locked(node: NodeInHand, given: dict[str, Any]) -> None:
    instance = Instance.objects.get(pk=given["instance"])
    record_heartbeat()
    with row_lock_queries() as locks:
        set_deletion_cost(instance, 5, by=CONSOLE)
        create_replacement(node.row, by=CONSOLE)
        counts_silence(SILENT_AFTER)
    found = [(lock.table, lock.keys, lock.is_weak) for lock in locks if "activity" not in lock.table]
    assert found == [
        (INSTANCES, {instance.pk}, False),
        (NODES, {node.row.pk}, True),
        ("groups_reception", {1}, False),
    ]
