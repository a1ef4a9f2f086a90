"""Which node gets what."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone
from pytest_django import Settings

from groups.actions.lifecycle import start
from groups.models import ContainerGroup, Image, Instance, Node, Quota
from groups.nodes.poll import poll
from groups.nodes.report import Capacity, Report, Reported
from groups.rules.node_room import nodes_with_room
from portal.models import Organization
from registries.foundation.actor import CONSOLE
from tests.support.database_clock import Clock, clock
from tests.support.delivery_setup import NodeInHand, make_group, make_node, make_source, store_image

__all__ = ["clock"]


def taken_by(node: NodeInHand) -> int:
    return Instance.objects.filter(node=node.row).count()


def check_in(node: NodeInHand, cpu: int = 8, memory_mb: int = 16384, platform: str = "") -> int:
    """Poll with all that the node has; return how many instances are its now."""
    has = [Reported(instance.pk, instance.state) for instance in node.row.instances.all()]
    poll(node.row, Report(Capacity(cpu, memory_mb), tuple(has), platform))
    return taken_by(node)


@pytest.mark.parametrize(("image_for", "says", "takes"), [
    ("linux/amd64", "", True),
    ("linux/amd64", "linux/amd64", True),
    ("linux/amd64", "linux/amd64/v3", True),
    ("linux/amd64", "linux/arm64", False),
    ("linux/amd64/v3", "", False),
    ("linux/amd64/v3", "linux/amd64/v2", False),
    ("linux/amd64/v3", "linux/amd64/v4", True),
    ("linux/arm64", "", False),
    ("linux/arm64", "linux/arm64", True),
    ("linux/arm/v6", "linux/arm/v7", True),
])  # fmt: skip
def test_a_node_gets_only_images_that_it_runs(
    acme: Any, image: Any, node: NodeInHand, image_for: str, says: str, takes: bool
) -> None:
    Image.objects.filter(pk=image.pk).update(platform=image_for)
    start(make_group(acme, image), by=CONSOLE)
    assert check_in(node, platform=says) == takes
    node.row.refresh_from_db()
    assert node.row.platform == says


def test_what_a_node_that_says_nothing_runs_is_the_operators_to_say(
    acme: Any, image: Any, node: NodeInHand, settings: Settings
) -> None:
    Image.objects.filter(pk=image.pk).update(platform="linux/arm64")
    start(make_group(acme, image), by=CONSOLE)
    assert check_in(node) == 0
    settings.PORTAL_PLATFORM = "linux/arm64"
    assert check_in(node) == 1


def test_a_node_of_another_platform_is_no_better_place(
    acme: Any, image: Any, node: NodeInHand, other_node: NodeInHand
) -> None:
    check_in(other_node, platform="linux/arm64")
    start(make_group(acme, image, replicas=3), by=CONSOLE)
    assert check_in(node) == 3


def test_a_node_takes_what_fits(acme: Any, image: Any, node: NodeInHand) -> None:
    start(make_group(acme, image, replicas=5, cpu=2, memory_mb=1024), by=CONSOLE)
    assert check_in(node, cpu=1) == 0
    assert check_in(node, cpu=5) == 2
    assert check_in(node, cpu=5) == 2
    assert check_in(node, cpu=16, memory_mb=3 * 1024) == 3
    assert check_in(node, cpu=16, memory_mb=64 * 1024) == 5


def test_what_is_too_large_does_not_block_what_fits(acme: Any, image: Any, node: NodeInHand) -> None:
    start(make_group(acme, image, "large", cpu=16), by=CONSOLE)
    small = make_group(acme, image, "small", cpu=1)
    start(small, by=CONSOLE)
    assert check_in(node, cpu=4) == 1
    assert Instance.objects.get(node=node.row).group == small


def test_replicas_are_spread(acme: Any, image: Any) -> None:
    nodes = [make_node(f"node-{number}") for number in range(3)]
    for machine in nodes:
        check_in(machine)
    start(make_group(acme, image, replicas=7), by=CONSOLE)
    for _ in range(4):
        for machine in nodes:
            check_in(machine)
    assert sorted(taken_by(machine) for machine in nodes) == [2, 2, 3]


def test_a_node_alone_takes_all(acme: Any, image: Any, node: NodeInHand, other_node: NodeInHand) -> None:
    check_in(other_node)
    Node.objects.filter(pk=other_node.row.pk).update(last_seen_at=timezone.now() - timedelta(minutes=5))
    start(make_group(acme, image, replicas=3), by=CONSOLE)
    assert check_in(node) == 3


def test_a_node_without_room_is_no_better_place(
    acme: Any, image: Any, node: NodeInHand, other_node: NodeInHand
) -> None:
    check_in(other_node, cpu=1)
    start(make_group(acme, image, "first", cpu=1), by=CONSOLE)
    assert check_in(other_node, cpu=1) == 1
    start(make_group(acme, image, "second", replicas=3), by=CONSOLE)
    assert check_in(node) == 3


def test_a_gpu_goes_to_one_instance(acme: Any, image: Any, node: NodeInHand, other_node: NodeInHand) -> None:
    def with_gpu(node: NodeInHand, gpu: str) -> int:
        has = [Reported(instance.pk, instance.state) for instance in node.row.instances.all()]
        poll(node.row, Report(Capacity(8, 16384, gpu), tuple(has)))
        return taken_by(node)

    start(make_group(acme, image, "drawing", replicas=2, gpu="rtx4090"), by=CONSOLE)
    assert with_gpu(node, "") == 0
    assert with_gpu(node, "rtx3060") == 0
    # What wants none goes to any node, also to one whose GPU is free.
    start(make_group(acme, image, "small"), by=CONSOLE)
    assert with_gpu(make_node("node-3"), "rtx3060") == 1
    Instance.objects.filter(group__name="small").delete()
    Node.objects.filter(name="node-3").delete()
    assert [nodes_with_room(1, 1, gpu).count() for gpu in ("", "rtx3060", "rtx4090")] == [1, 1, 0]
    assert with_gpu(other_node, "rtx4090") == 1
    assert with_gpu(other_node, "rtx4090") == 1, "it has one"
    assert nodes_with_room(1, 1, "rtx4090").count() == 0
    start(make_group(acme, image, "plain", replicas=2), by=CONSOLE)
    assert with_gpu(other_node, "rtx4090") + with_gpu(node, "") == 3


def test_only_active_nodes_take(group: Any, node: NodeInHand) -> None:
    node.row.status = Node.Status.CORDONED
    node.row.save()
    start(group, by=CONSOLE)
    assert check_in(node) == 0


def test_what_waits_goes_to_a_node_in_its_turn(
    clock: Clock, acme: Any, image: Any, mallory: Any, node: NodeInHand
) -> None:
    """The oldest first, whoever's it is, and nothing of a suspended organization or of an image that is not there."""
    umbrella = Organization.objects.get(slug="umbrella")
    theirs = store_image(umbrella, make_source(b"theirs"))
    groups = []
    for organization, of, name in (
        (acme, image, "oldest"),
        (umbrella, theirs, "suspended"),
        (acme, store_image(acme, make_source(b"pulled")), "pulled"),
        (acme, image, "second"),
        (acme, image, "third"),
    ):
        clock.shift(1)
        groups.append(make_group(organization, of, name))
        start(groups[-1], by=CONSOLE)
    Quota.objects.filter(pk=umbrella.pk).update(suspended_at=clock.now)
    type(image).objects.filter(pk=groups[2].image_id).update(status="pulling")

    def has() -> list[str]:
        check_in(node, cpu=len(taken) + 1)
        return sorted(Instance.objects.filter(node=node.row).values_list("group__name", flat=True))

    taken: list[str] = []
    for expected in (["oldest"], ["oldest", "second"], ["oldest", "second", "third"], ["oldest", "second", "third"]):
        taken = has()
        assert taken == expected
    Quota.objects.filter(pk=umbrella.pk).update(suspended_at=None)
    assert "suspended" in has()


def test_an_instance_that_another_poll_takes_in_between_is_left_to_it(
    acme: Any, image: Any, node: NodeInHand, other_node: NodeInHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And of what the node does take, its manifest is requested."""
    woken: list[Any] = []
    monkeypatch.setattr("groups.nodes.scheduler.wake_prepare", woken.append)
    start(make_group(acme, image, replicas=2), by=CONSOLE)
    first, second = Instance.objects.order_by("created_at", "pk")
    really = QuerySet.in_bulk

    def taken_first(self: Any, *arguments: Any) -> Any:
        Instance.objects.filter(pk=first.pk).update(node=other_node.row)
        return really(self, *arguments)

    monkeypatch.setattr(QuerySet, "in_bulk", taken_first)
    assert check_in(node) == 1
    assert woken == [second.pk]
    assert [Instance.objects.get(pk=row.pk).node for row in (first, second)] == [other_node.row, node.row]


def test_what_other_groups_have_there_makes_a_node_no_worse_place(
    acme: Any, image: Any, node: NodeInHand, other_node: NodeInHand
) -> None:
    other = make_group(acme, image, "other")
    check_in(node)
    check_in(other_node)
    for _ in range(3):
        Instance.objects.create(group=other, node=other_node.row)
    start(make_group(acme, image, "spread", replicas=2), by=CONSOLE)
    assert check_in(node) == 1
    assert check_in(other_node) == 4


def test_a_replica_that_is_left_to_another_node_keeps_no_other_group(
    clock: Clock, acme: Any, image: Any, node: NodeInHand, other_node: NodeInHand
) -> None:
    check_in(node)
    check_in(other_node)
    for name, replicas in (("spread", 2), ("other", 1)):
        clock.shift(1)
        start(make_group(acme, image, name, replicas=replicas), by=CONSOLE)
    assert check_in(node) == 2
    assert sorted(node.row.instances.values_list("group__name", flat=True)) == ["other", "spread"]


@pytest.mark.parametrize(("older", "is_seen"), [(127, True), (128, False)])
def test_a_poll_looks_at_the_128_oldest_that_fit(
    acme: Any, image: Any, node: NodeInHand, other_node: NodeInHand, older: int, is_seen: bool
) -> None:
    """All older ones are left to the other node, which has fewer of them."""
    check_in(node)
    check_in(other_node)
    spread = make_group(acme, image, "spread")
    ContainerGroup.objects.filter(pk=spread.pk).update(status="running")
    Instance.objects.create(group=spread, node=node.row)
    Instance.objects.bulk_create(Instance(group=spread) for _ in range(older))
    Instance.objects.filter(node=None).update(created_at=timezone.now() - timedelta(hours=1))
    start(make_group(acme, image, "last"), by=CONSOLE)
    assert check_in(node) == 1 + is_seen


def test_a_poll_takes_32_at_most(acme: Any, image: Any, node: NodeInHand) -> None:
    start(make_group(acme, image, replicas=33), by=CONSOLE)
    assert check_in(node, cpu=64, memory_mb=1_000_000) == 32
    assert check_in(node, cpu=64, memory_mb=1_000_000) == 33


def test_which_nodes_have_room(clock: Clock, group: Any, node: NodeInHand, other_node: NodeInHand) -> None:
    check_in(node, cpu=4, memory_mb=4096)
    check_in(other_node, cpu=4, memory_mb=4096)
    Instance.objects.create(group=group, node=other_node.row)
    assert (group.cpu, group.memory_mb) == (1, 1024)

    def found(cpu: int, memory_mb: int) -> list[Node]:
        return list(nodes_with_room(cpu, memory_mb, "").order_by("name"))

    both = [node.row, other_node.row]
    assert found(3, 3072) == both
    assert found(4, 3072) == found(3, 3073) == found(4, 4096) == [node.row]
    assert found(5, 1) == found(1, 4097) == []
    clock.shift(29)
    assert found(1, 1) == both
    for status in ("cordoned", "draining", "removed"):
        Node.objects.filter(pk=node.row.pk).update(status=status)
        assert found(1, 1) == [other_node.row]
    clock.shift(1)
    assert found(1, 1) == []


def test_an_instance_is_kept_from_the_node_that_it_excludes_until_then(
    clock: Clock, group: Any, node: NodeInHand, other_node: NodeInHand
) -> None:
    start(group, by=CONSOLE)
    until = clock.ago(-10)
    Instance.objects.update(excluded_node=node.row, excluded_until=until)
    clock.shift(9)
    assert check_in(node) == 0
    clock.shift(1)
    assert check_in(node) == 1
    Instance.objects.update(node=None, excluded_node=other_node.row, excluded_until=clock.ago(-10))
    assert check_in(node) == 1, "it excludes another one"


def test_a_group_that_is_deleted_while_a_node_polls_is_left_out(acme: Any, image: Any, node: NodeInHand) -> None:
    gone, other = (make_group(acme, image, name) for name in ("gone", "other"))
    for group in (gone, other):
        start(group, by=CONSOLE)

    def delete_first(execute: Any, sql: str, *arguments: Any) -> Any:
        if sql.startswith("SELECT") and 'FROM "groups_containergroup"' in sql and " IN (" in sql and not deleted:
            deleted.append(sql)
            Instance.objects.filter(group=gone).delete()
            ContainerGroup.objects.filter(pk=gone.pk).delete()
        return execute(sql, *arguments)

    deleted: list[str] = []
    with connection.execute_wrapper(delete_first):
        assert check_in(node) == 1
    assert len(deleted) == 1
    assert Instance.objects.get(node=node.row).group == other


def test_a_group_that_does_not_want_to_run_is_left(group: Any, node: NodeInHand) -> None:
    Instance.objects.create(group=group)
    assert check_in(node) == 0
