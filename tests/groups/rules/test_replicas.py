"""As many instances as a group should have: which are added, which end first, and what the group's status becomes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from groups.models import ContainerGroup, Image, Instance, Node
from groups.rules.replicas import (
    add_instances,
    match_replicas,
    promote_next_image,
    renew_instances,
    stop_group,
    top_up,
    update_group_status,
)
from groups.rules.states import Stale, move
from tests.support.pulls import make_group
from tests.support.replicas import REFERENCE, group, instance, node, other, put, states
from tests.support.row_locks import RowLock, row_lock_queries, row_locks

__all__ = ["group", "node", "other"]

pytestmark = pytest.mark.usefixtures("no_redis")


@pytest.mark.parametrize(("present", "succeeded", "failed", "added"), [
    ([], 0, 0, 3),
    (["running"], 0, 0, 2),
    (["stopping", "stopping", "creating"], 0, 0, 2),
    (["allocating", "downloading"], 0, 0, 1),
    (["running"], 1, 0, 1),
    (["running"], 0, 1, 1),
    ([], 1, 2, 0),
    ([], 3, 3, 0),
    (["running"] * 4, 0, 0, 0),
])  # fmt: skip
def test_missing_instances_are_added(
    group: ContainerGroup, node: Node, other: ContainerGroup, present: list[str], succeeded: int, failed: int,
    added: int,
) -> None:  # fmt: skip
    """Stopping ones don't count, and replicas that ended for good are not replaced. The sweeper agrees."""
    put(group, succeeded_replicas=succeeded, failed_replicas=failed)
    for state in present:
        instance(group, state, node)

    add_instances(group)
    assert states(group) == sorted(present + ["allocating"] * added)
    assert states(other) == ["running"]

    group.instances.filter(state="allocating", node=None).delete()
    assert top_up() == (1 if added else 0)
    assert states(group) == sorted(present + ["allocating"] * added)
    assert top_up() == 0


@pytest.mark.parametrize("status", ["pending", "stopped", "succeeded", "failed"])
def test_a_group_that_is_not_active_is_left_alone(group: ContainerGroup, node: Node, status: str) -> None:
    instance(group, "running", node)
    put(group, status=status)

    match_replicas(group)
    renew_instances(group)
    update_group_status(group.pk)

    group.refresh_from_db()
    assert (top_up(), states(group), group.status) == (0, ["running"], status)


def test_stopping_ends_every_instance_and_deletes_those_without_a_node(
    group: ContainerGroup, other: ContainerGroup, node: Node
) -> None:
    instance(group, "allocating")
    instance(group, "allocating", node, assigned_at=timezone.now())
    instance(group, "running", node, message="starting", progress=40, order="restart", order_due_at=timezone.now())
    instance(group, "stopping", node, progress=7)

    stop_group(group)

    assert group.status == "stopped"
    assert states(group) == ["stopping"] * 3
    values = group.instances.values_list("node", "message", "progress", "order", "order_due_at")
    assert sorted(values, key=str) == [(node.pk, "", 0, "", None)] * 2 + [(node.pk, "", 7, "", None)]
    assert states(other) == ["running"]
    with pytest.raises(Stale):
        stop_group(ContainerGroup(pk=group.pk, status="running"))


def test_surplus_instances_end_in_this_order(group: ContainerGroup, node: Node) -> None:
    """Without a node, in the earliest state, at the lowest cost, with the least progress, the newest."""
    ordered = [
        instance(group, "allocating", deletion_cost=100),
        instance(group, "running", deletion_cost=100),
        instance(group, "allocating", node, deletion_cost=100),
        instance(group, "downloading", node, deletion_cost=50),
        instance(group, "creating", node, deletion_cost=40),
        instance(group, "running", node, deletion_cost=1),
        instance(group, "running", node, deletion_cost=2, progress=10),
        instance(group, "running", node, deletion_cost=2, progress=20),
        instance(group, "running", node, deletion_cost=2, progress=20),
    ]
    hour = timedelta(hours=1)
    Instance.objects.filter(pk=ordered[-1].pk).update(created_at=timezone.now() - hour)
    stopping = instance(group, "stopping", node)

    for left in range(len(ordered), -1, -1):
        match_replicas(put(group, replicas=left, status="running"))
        present = group.instances.exclude(state="stopping")
        assert set(present) == set(ordered[len(ordered) - left :]), f"{left} are left"

    assert set(group.instances.all()) == {*ordered[2:], stopping}


def test_more_replicas_are_added_at_once_and_change_the_status(group: ContainerGroup, node: Node) -> None:
    instance(group, "running", node)

    match_replicas(group)

    group.refresh_from_db()
    assert (states(group), group.status) == (["allocating", "allocating", "running"], "running")


@pytest.mark.parametrize(("was", "present", "succeeded", "failed", "becomes"), [
    ("deploying", ["running", "allocating"], 0, 0, "running"),
    ("deploying", ["creating", "allocating"], 0, 0, "deploying"),
    ("running", ["running"], 0, 0, "running"),
    ("running", ["creating", "downloading"], 0, 0, "deploying"),
    ("running", ["stopping"], 0, 0, "deploying"),
    ("running", [], 2, 0, "deploying"),
    ("running", [], 3, 0, "succeeded"),
    ("running", ["stopping"], 3, 0, "succeeded"),
    ("running", ["running"], 3, 0, "running"),
    ("running", [], 2, 1, "stopped"),
    ("deploying", [], 3, 0, "succeeded"),
    ("deploying", [], 0, 3, "stopped"),
    ("running", [], 4, 0, "succeeded"),
    ("deploying", [], 0, 0, "deploying"),
])  # fmt: skip
def test_the_status_follows_the_instances(
    group: ContainerGroup, other: ContainerGroup, node: Node, was: str, present: list[str], succeeded: int, failed: int,
    becomes: str,
) -> None:  # fmt: skip
    """Another group that runs makes none of them running."""
    put(group, status=was, succeeded_replicas=succeeded, failed_replicas=failed)
    for state in present:
        instance(group, state, node)

    update_group_status(group.pk)

    group.refresh_from_db()
    other.refresh_from_db()
    assert (group.status, other.status) == (becomes, "running")


def test_a_group_without_replicas_has_not_ended(group: ContainerGroup) -> None:
    put(group, replicas=0, status="running")

    update_group_status(group.pk)

    group.refresh_from_db()
    assert group.status == "deploying"


def test_a_group_that_is_gone_has_no_status(group: ContainerGroup) -> None:
    key = group.pk
    group.delete()

    update_group_status(key)


def test_renewing_replaces_every_instance(group: ContainerGroup, other: ContainerGroup, node: Node) -> None:
    old = instance(group, "running", node)
    waiting = instance(group, "allocating")
    put(group, status="running")

    renew_instances(group)

    group.refresh_from_db()
    old.refresh_from_db()
    assert (old.state, states(group)) == ("stopping", ["allocating"] * 3 + ["stopping"])
    assert not Instance.objects.filter(pk=waiting.pk).exists()
    assert (group.status, states(other)) == ("deploying", ["running"])


def test_the_next_image_becomes_the_current_one_of_its_groups_only(
    group: ContainerGroup, other: ContainerGroup, node: Node
) -> None:
    image = make_group(group.project, "registry.example.com/team/app:2", name="third").image
    put(group, next_image=image, status="running", version=4)
    old = instance(group, "running", node)
    kept, before = other.image_id, other.changed_at
    long_ago = timezone.now() - timedelta(hours=1)
    ContainerGroup.objects.filter(pk=group.pk).update(changed_at=long_ago)

    promote_next_image(image)

    group.refresh_from_db()
    other.refresh_from_db()
    old.refresh_from_db()
    assert (group.image, group.next_image, group.version, group.status) == (image, None, 5, "deploying")
    assert (old.state, states(group)) == ("stopping", ["allocating"] * 3 + ["stopping"])
    assert group.changed_at > long_ago
    assert (other.image_id, other.version, other.changed_at) == (kept, 1, before)
    assert Image.objects.count() == 3


def test_a_stopped_group_gets_its_next_image_and_stays_stopped(group: ContainerGroup) -> None:
    image = make_group(group.project, "registry.example.com/team/app:2", name="third").image
    long_ago = timezone.now() - timedelta(hours=1)
    put(group, next_image=image, status="stopped", changed_at=long_ago)

    promote_next_image(image)

    group.refresh_from_db()
    assert (group.image, group.next_image, group.status, states(group)) == (image, None, "stopped", [])
    assert group.changed_at > long_ago


def test_an_instance_that_changes_in_between_keeps_no_other_from_stopping(
    group: ContainerGroup, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = instance(group, "downloading", node), instance(group, "downloading", node)

    def move_late(row: Instance, **options: Any) -> Instance:
        if row.pk == first.pk:
            Instance.objects.filter(pk=first.pk).update(state="running")
        return move(row, **options)

    monkeypatch.setattr("groups.rules.replicas.move", move_late)
    stop_group(group)

    for row in (first, second):
        row.refresh_from_db()
    assert (group.status, first.state, second.state) == ("stopped", "running", "stopping")


def test_a_group_is_locked_while_its_instances_are_counted(group: ContainerGroup) -> None:
    with row_locks() as topping_up, row_lock_queries() as topping_up_queries:
        assert top_up() == 1
    with row_locks() as following, row_lock_queries() as following_queries:
        update_group_status(group.pk)
    weak = RowLock("groups_containergroup", frozenset({group.pk}), is_weak=True)
    assert [*topping_up_queries, *following_queries] == [weak, weak], "instances may refer to it in the meantime"
    put(group, next_image=make_group(group.project, REFERENCE, name="third").image)
    assert group.next_image is not None
    with row_locks() as promoting:
        promote_next_image(group.next_image)

    assert topping_up == following == promoting == ["groups_containergroup"]


def test_a_group_that_is_stopped_in_between_gets_no_instances(
    group: ContainerGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweeper saw it active, and looks again once it has locked it."""
    really = transaction.atomic

    def stop_first(*arguments: Any, **options: Any) -> Any:
        put(group, status="stopped")
        return really(*arguments, **options)

    monkeypatch.setattr("groups.rules.replicas.transaction.atomic", stop_first)

    assert top_up() == 0
    assert states(group) == []
