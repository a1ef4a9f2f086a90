"""What members do to one instance, and to how many there are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from groups.actions.lifecycle import scale, start, stop
from groups.models import ContainerGroup, Instance, NodeToken
from groups.nodes.instance_orders import reallocate, recreate, restart, set_deletion_cost
from groups.rules.states import Stale
from portal.models import Activity
from registries.foundation.actor import CONSOLE
from tests.groups.delivery.conftest import _no_calls_before, given, group, image, node, other_node, source
from tests.support.activity import recorded
from tests.support.database_clock import Clock, clock
from tests.support.delivery_setup import NodeInHand, make_group, prepare_all, started
from tests.support.node_reports import listed

__all__ = ["_no_calls_before", "clock", "given", "group", "image", "node", "other_node", "source"]


def instance() -> Instance:
    return Instance.objects.get()


@pytest.mark.parametrize(
    ("act", "name", "past"), [(restart, "restart", "restarted"), (recreate, "recreate", "recreated")]
)
def test_an_order_is_given_until_the_node_has_begun(
    node: NodeInHand, given: Any, act: Any, name: str, past: str
) -> None:
    with pytest.raises(Stale):
        act(instance(), by=CONSOLE)
    node.poll(listed(given, "running"))
    long_ago = timezone.now() - timedelta(hours=1)
    Instance.objects.update(changed_at=long_ago)

    act(instance(), by=CONSOLE)
    assert instance().changed_at > long_ago
    assert recorded(action="group.changed")[-1][1:] == ("group.changed", "app", f"{past} the instance {instance().pk}")

    for _ in range(2):  # the first answer may have been lost
        assert node.poll(listed(given, "running")).json() == {"start": [], "stop": [], name: [given["instance"]]}
    assert node.poll(listed(given, "creating")).json() == {"start": [], "stop": []}
    node.poll(listed(given, "running"))
    assert (instance().state, instance().order, instance().node) == ("running", "", node.row)
    assert NodeToken.objects.count() == 1, "it needs no other token"


def test_an_order_does_not_outlive_its_instance_on_the_node(
    acme: Any, image: Any, node: NodeInHand, given: Any
) -> None:
    node.poll(listed(given, "running"))
    restart(instance(), by=CONSOLE)
    (again,) = node.poll().json()["start"]
    assert again["instance"] == given["instance"]
    assert instance().order == ""
    node.poll(listed(given, "running"))
    restart(instance(), by=CONSOLE)
    stop(ContainerGroup.objects.get(), by=CONSOLE)
    assert instance().order == ""
    # Beside one whose order is still to be given.
    other = Instance.objects.create(group=make_group(acme, image, "other"), node=node.row, state="running")
    restart(other, by=CONSOLE)
    beside = {"instance": str(other.pk)}
    answer = node.poll(listed(given, "running"), listed(beside, "running")).json()
    assert answer == {"start": [], "stop": [given["instance"]], "restart": [beside["instance"]]}


@pytest.mark.parametrize("state", ["downloading", "creating", "running"])
def test_reallocated_to_another_node(node: NodeInHand, other_node: NodeInHand, given: Any, state: str) -> None:
    bearer = node.bearer(given["token"])
    node.poll(listed(given, state))

    reallocate(instance(), by=CONSOLE)

    assert (instance().state, instance().node) == ("allocating", None)
    assert ContainerGroup.objects.get().status == "deploying"
    assert node.client.get("/v2/", headers=bearer).status_code == 401
    assert node.poll(listed(given, state)).json() == {"start": [], "stop": [given["instance"]]}
    assert node.poll().json() == {"start": [], "stop": []}
    assert instance().node is None, "not this one for a while"
    other_node.poll()
    prepare_all()
    (theirs,) = other_node.poll().json()["start"]
    assert theirs["instance"] == given["instance"]
    Instance.objects.update(node=None)
    with pytest.raises(Stale):
        reallocate(instance(), by=CONSOLE)


def test_a_node_is_excluded_for_ten_minutes(
    clock: Clock, node: NodeInHand, other_node: NodeInHand, given: Any, acme: Any, image: Any
) -> None:
    """Of the instance that was moved, and of no other."""
    theirs = started(make_group(acme, image, "theirs"), other_node)
    bearer = other_node.bearer(theirs["token"])
    moved = Instance.objects.get(pk=given["instance"])
    reallocate(moved, by=CONSOLE)
    assert recorded(action="group.changed")[-1][3] == f"moved the instance {moved.pk} to another node"
    assert moved.message == "Moved to another node."
    assert (moved.excluded_node, moved.excluded_until) == (node.row, clock.ago(-600))
    assert moved.assigned_at is None
    assert NodeToken.objects.get(instance=moved).ended_because == "reallocated"
    assert node.client.get("/v2/", headers=bearer).status_code == 200
    assert Instance.objects.get(pk=theirs["instance"]).node == other_node.row
    clock.shift(599)
    node.poll()
    assert Instance.objects.get(pk=moved.pk).node is None
    clock.shift(1)
    node.poll()
    assert Instance.objects.get(pk=moved.pk).node == node.row
    Instance.objects.filter(pk=moved.pk).update(state="stopping")
    with pytest.raises(Stale):
        reallocate(moved, by=CONSOLE)
    assert Instance.objects.get(pk=moved.pk).node == node.row


def test_a_node_hears_of_its_own_orders_only(
    clock: Clock, node: NodeInHand, other_node: NodeInHand, given: Any, acme: Any, image: Any
) -> None:
    """Also where it lists another node's instance. One that is due later waits, beside one that is due."""
    theirs = started(make_group(acme, image, "theirs"), other_node)
    node.poll(listed(given, "running"))
    other_node.poll(listed(theirs, "running"))
    for item in (given, theirs):
        restart(Instance.objects.get(pk=item["instance"]), by=CONSOLE)
    answer = node.poll(listed(given, "running"), listed(theirs, "running")).json()
    assert answer == {"start": [], "stop": [theirs["instance"]], "restart": [given["instance"]]}
    Instance.objects.filter(pk=given["instance"]).update(order_due_at=clock.ago(-1))
    assert node.poll(listed(given, "running")).json() == {"start": [], "stop": []}
    clock.shift(1)
    assert node.poll(listed(given, "running")).json()["restart"] == [given["instance"]]


def test_orders_and_costs_are_of_one_instance(acme: Any, image: Any, node: NodeInHand) -> None:
    group = make_group(acme, image, replicas=2)
    start(group, by=CONSOLE)
    first, second = group.instances.all()
    Instance.objects.update(state="running", node=node.row, changed_at=timezone.now() - timedelta(hours=1))
    Instance.objects.filter(pk=first.pk).update(order_due_at=timezone.now() + timedelta(hours=1))
    assert restart(first, by=CONSOLE).order_due_at is None, "at once, whatever was planned"
    set_deletion_cost(first, 9, by=CONSOLE)
    other = Instance.objects.get(pk=second.pk)
    assert (other.order, other.deletion_cost) == ("", 0)
    assert timezone.now() - other.changed_at > timedelta(minutes=59)
    assert timezone.now() - Instance.objects.get(pk=first.pk).changed_at < timedelta(minutes=1)
    for cost in (0, 100_000):
        assert set_deletion_cost(first, cost, by=CONSOLE).deletion_cost == cost
    set_deletion_cost(first, 100_000, by=CONSOLE)  # nothing is done, or recorded
    rows = Activity.objects.select_related("text").filter(organization=acme, action="group.changed").order_by("pk")
    assert {(row.target_kind, row.target_key, row.text.target_name) for row in rows} == {
        ("group", str(group.pk), "app")
    }
    assert [(row.text.detail, row.text.before, row.text.after) for row in rows] == [
        (f"restarted the instance {first.pk}", {}, {}),
        *(
            (
                f"set the deletion cost of the instance {first.pk} to {after}",
                {"deletion_cost": before},
                {"deletion_cost": after},
            )
            for before, after in ((0, 9), (9, 0), (0, 100_000))
        ),
    ]
    Instance.objects.filter(pk=second.pk).update(node=None)
    with pytest.raises(Stale):
        restart(second, by=CONSOLE)
    second.delete()
    with pytest.raises(Stale):
        set_deletion_cost(Instance(pk=other.pk, group=group), 1, by=CONSOLE)


def test_a_deletion_cost_is_recorded_with_what_it_was_by_then(given: Any) -> None:
    """Somebody else may have set it since this row was read."""
    read_before = instance()
    set_deletion_cost(instance(), 7, by=CONSOLE)
    assert set_deletion_cost(read_before, 0, by=CONSOLE).deletion_cost == 0
    text = Activity.objects.select_related("text").order_by("-pk")[0].text
    assert (text.before, text.after) == ({"deletion_cost": 7}, {"deletion_cost": 0})


def test_what_is_moved_is_the_row_as_it_is_by_then(node: NodeInHand, other_node: NodeInHand, given: Any) -> None:
    """Its node may have reported since a page was made, or another one have got it."""
    read_before = instance()
    node.poll(listed(given, "running"))
    reallocate(read_before, by=CONSOLE)
    assert (instance().state, instance().node, instance().excluded_node) == ("allocating", None, node.row)
    read_before = instance()
    Instance.objects.update(node=other_node.row)
    reallocate(read_before, by=CONSOLE)
    assert (instance().node, instance().excluded_node) == (None, other_node.row)


def test_one_that_was_not_yet_fetched_is_reallocated(group: Any, node: NodeInHand, other_node: NodeInHand) -> None:
    start(group, by=CONSOLE)
    node.poll()
    reallocate(instance(), by=CONSOLE)
    node.poll()
    assert instance().node is None
    other_node.poll()
    assert instance().node == other_node.row


def test_scaled_up_and_down(acme: Any, image: Any, node: NodeInHand, other_node: NodeInHand) -> None:
    group = make_group(acme, image, replicas=1)
    start(group, by=CONSOLE)
    node.poll()
    prepare_all()
    node.poll()
    node.poll({"id": str(instance().pk), "state": "running"})

    scale(group, 4, by=CONSOLE)
    assert group.instances.count() == 4
    node.poll({"id": str(group.instances.get(state="running").pk), "state": "running"}, cpu=2)
    other_node.poll(cpu=1)
    states = sorted((instance.state, instance.node_id is not None) for instance in group.instances.all())
    assert states == [("allocating", False), ("allocating", True), ("downloading", True), ("running", True)]

    # What is least far goes first: what no node has is gone at once, the rest when its node hears of it.
    scale(group, 3, by=CONSOLE)
    assert group.instances.filter(node=None).count() == 0
    assert group.instances.count() == 3
    scale(group, 1, by=CONSOLE)
    assert sorted(group.instances.values_list("state", flat=True)) == ["running", "stopping", "stopping"]
    node.poll({"id": str(group.instances.get(state="running").pk), "state": "running"})
    other_node.poll()
    assert group.instances.get().state == "running"

    scale(group, 0, by=CONSOLE)
    group.refresh_from_db()
    assert (group.status, group.instances.get().state) == ("deploying", "stopping")


def test_of_the_same_state_the_cheapest_ends(acme: Any, image: Any) -> None:
    group = make_group(acme, image, replicas=3)
    start(group, by=CONSOLE)
    dear, cheap, dearest = group.instances.all()
    for instance, cost in ((dear, 50), (cheap, 7), (dearest, 100_000)):
        set_deletion_cost(instance, cost, by=CONSOLE)
    scale(group, 2, by=CONSOLE)
    assert set(group.instances.all()) == {dear, dearest}
    scale(group, 1, by=CONSOLE)
    assert group.instances.get() == dearest
    for cost in (-1, 100_001):
        with pytest.raises(ValueError, match="deletion cost"):
            set_deletion_cost(dearest, cost, by=CONSOLE)


def test_what_does_not_run_is_scaled_for_its_next_start(group: Any) -> None:
    scale(group, 3, by=CONSOLE)
    assert (group.replicas, group.instances.count()) == (3, 0)
    start(group, by=CONSOLE)
    assert group.instances.count() == 3
    stop(group, by=CONSOLE)
    for replicas in (-1, 501):
        with pytest.raises(ValueError, match="replicas"):
            scale(group, replicas, by=CONSOLE)
    stale = ContainerGroup.objects.get(pk=group.pk)
    group.delete()
    with pytest.raises(Stale):
        scale(stale, 1, by=CONSOLE)
