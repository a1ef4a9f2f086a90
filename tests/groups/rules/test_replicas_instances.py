"""Single instances: taken from their nodes, and counted when they end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from groups.models import ContainerGroup, Instance, Node
from groups.rules.replicas import count_end, take_from_node
from groups.rules.states import Stale
from tests.support.replicas import group, instance, node, other

__all__ = ["group", "node", "other"]

pytestmark = pytest.mark.usefixtures("no_redis")


def test_an_instance_is_taken_from_its_node(group: ContainerGroup, node: Node) -> None:
    """Whatever state it is in; the others of that node stay."""
    stays = instance(group, "running", node)
    for state in ("allocating", "running"):
        taken = instance(
            group, state, node, assigned_at=timezone.now(), progress=40, order="restart", order_due_at=timezone.now()
        )
        long_ago = timezone.now() - timedelta(hours=1)
        Instance.objects.filter(pk=taken.pk).update(changed_at=long_ago)

        take_from_node(taken, message="Gone.", excluded_node=node)

        row = Instance.objects.get(pk=taken.pk)
        assert (row.state, row.node, row.assigned_at, row.progress) == ("allocating", None, None, 0)
        assert (row.message, row.order, row.order_due_at, row.excluded_node) == ("Gone.", "", None, node)
        assert (taken.node_id, taken.message) == (None, "Gone.")
        assert row.changed_at > long_ago
    stays.refresh_from_db()
    assert (stays.state, stays.node) == ("running", node)


@pytest.mark.parametrize("state", ["allocating", "running"])
def test_an_instance_that_another_node_has_by_now_is_not_taken(group: ContainerGroup, node: Node, state: str) -> None:
    seen = instance(group, state, node)
    by_now = Node.objects.create(name="node-8", public_key="k")
    Instance.objects.update(node=by_now)

    with pytest.raises(Stale):
        take_from_node(seen, message="Gone.")

    assert Instance.objects.get().node == by_now


def test_an_instance_that_is_downloading_by_now_is_not_taken_as_allocating(group: ContainerGroup, node: Node) -> None:
    seen = instance(group, "allocating", node)
    Instance.objects.update(state="downloading")

    with pytest.raises(Stale):
        take_from_node(seen, message="Gone.")

    assert Instance.objects.get().node == node


@pytest.mark.parametrize(("code", "counted"), [(0, (1, 0, None)), (1, (0, 1, 1)), (137, (0, 1, 137))])
def test_an_end_is_counted_once(
    group: ContainerGroup, other: ContainerGroup, node: Node, code: int, counted: tuple[int, int, int | None]
) -> None:
    ended, stays = instance(group, "running", node), instance(group, "running", node)

    assert count_end(ended, code)
    assert not count_end(ended, code)

    for row, expected in ((group, counted), (other, (0, 0, None))):
        row.refresh_from_db()
        assert (row.succeeded_replicas, row.failed_replicas, row.last_exit_code) == expected
    assert list(group.instances.all()) == [stays]


@pytest.mark.parametrize("change", [{"state": "stopping"}, {"node": None}])
def test_an_end_that_is_reported_late_is_not_counted(group: ContainerGroup, node: Node, change: dict[str, Any]) -> None:
    seen = instance(group, "running", node)
    Instance.objects.update(**change)

    assert not count_end(seen, 0)

    group.refresh_from_db()
    assert (group.succeeded_replicas, group.instances.count()) == (0, 1)
