"""What a report changes: the node's own instances, as far as they differ, and nothing that is newer."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from groups.models import ContainerGroup, Instance, NodeToken, Quota
from groups.nodes import instance_changes
from groups.rules.states import Stale
from tests.support.database_clock import Clock, clock
from tests.support.delivery_setup import NodeInHand, make_group, prepare_all
from tests.support.node_reports import listed

__all__ = ["clock"]


def instance_of(given: dict[str, Any]) -> Instance:
    return Instance.objects.get(pk=given["instance"])


def shown(given: dict[str, Any]) -> tuple[str, int, str]:
    row = instance_of(given)
    return row.state, row.progress, row.message


def test_only_what_differs_is_written_and_to_no_other_row(
    acme: Any, image: Any, node: NodeInHand, given: dict[str, Any]
) -> None:
    other = make_group(acme, image, "other")
    ContainerGroup.objects.filter(pk=other.pk).update(status="deploying")
    beside = {"instance": str(Instance.objects.create(group=other, node=node.row, state="downloading").pk)}
    same = listed(beside, "downloading")
    prepare_all()
    node.poll(listed(given, "downloading"), same)  # which gets its token
    for progress, message, is_new in ((5, "a", True), (5, "a", False), (6, "a", True), (6, "b", True), (6, "b", False)):
        with CaptureQueriesContext(connection) as queries:
            node.poll(listed(given, "downloading", progress=progress, message=message), same)
        written = [query["sql"] for query in queries if query["sql"].startswith('UPDATE "groups_instance"')]
        assert len(written) == is_new
        assert shown(given) == ("downloading", progress, message)
        assert shown(beside) == ("downloading", 0, "")


def test_what_a_node_no_longer_has_waits_to_be_sent_again(acme: Any, node: NodeInHand, given: dict[str, Any]) -> None:
    node.poll(listed(given, "downloading", progress=40))
    node.poll(listed(given, "running", progress=100, message="since noon"))
    Quota.objects.filter(pk=acme.pk).update(suspended_at="2020-01-01T00:00:00Z")  # so it isn't sent at once
    assert node.poll().json() == {"start": [], "stop": []}
    assert shown(given) == ("allocating", 0, "Its node no longer had it.")
    assert (instance_of(given).node, NodeToken.objects.get().ended_because) == (node.row, "delivered")
    Quota.objects.filter(pk=acme.pk).update(suspended_at=None)
    (again,) = node.poll().json()["start"]
    assert again["instance"] == given["instance"]


def test_only_a_container_that_ended_is_counted_as_ended(node: NodeInHand, given: dict[str, Any]) -> None:
    """One that is made or runs again may say with which code it ended before."""
    for state, code, exits in (
        ("creating", None, 0),
        ("running", None, 0),
        ("creating", None, 0),
        ("running", 7, 0),
        ("creating", 7, 1),
        ("running", 7, 1),
    ):
        node.poll(listed(given, state, message="said", exit_code=code))
        row = instance_of(given)
        assert (row.state, row.exits, row.exit_code, row.message) == (state, exits, 7 if exits else None, "said")
    node.poll(listed(given, "creating", exit_code=0))
    assert instance_of(given).message == "Ended with exit code 0; starts again."


def test_what_a_node_gives_back_is_kept_from_it_for_a_minute(
    clock: Clock, node: NodeInHand, given: dict[str, Any]
) -> None:
    node.poll(listed(given, "allocating", progress=40))
    row = instance_of(given)
    assert (row.state, row.progress, row.node, row.assigned_at) == ("allocating", 0, None, None)
    assert (row.excluded_node, row.excluded_until) == (node.row, clock.ago(-60))


def test_what_stops_is_gone_when_its_own_node_no_longer_lists_it(
    acme: Any, image: Any, node: NodeInHand, other_node: NodeInHand
) -> None:
    group = make_group(acme, image)
    over, here, elsewhere = (
        Instance.objects.create(group=group, node=machine.row, state="stopping") for machine in (node, node, other_node)
    )
    here_listed = {"id": str(here.pk), "state": "running"}
    assert node.poll(here_listed).json() == {"start": [], "stop": [str(here.pk)]}
    assert set(Instance.objects.all()) == {here, elsewhere}
    assert over not in Instance.objects.all()


def test_a_change_that_somebody_was_quicker_than_is_left_out(
    node: NodeInHand, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its session goes on as if the report had not come; the next one is seen against what there is by then."""
    bearer = node.bearer(given["token"])

    def quicker(instance: Instance, **values: Any) -> None:
        raise Stale

    with monkeypatch.context() as patched:
        patched.setattr(instance_changes, "move", quicker)
        assert node.poll(listed(given, "running")).status_code == 200
    assert instance_of(given).state == "downloading"
    assert node.client.get("/v2/", headers=bearer).status_code == 200
    node.poll(listed(given, "running"))
    assert instance_of(given).state == "running"
