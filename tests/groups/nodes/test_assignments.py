"""Which instances a node is asked to start, and how often."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from groups.actions.lifecycle import start, stop
from groups.models import ContainerGroup, Instance, Node, NodeToken, Quota
from groups.nodes import assignments
from groups.rules.states import move
from portal.models import Organization
from registries.foundation.actor import CONSOLE
from tests.support.database_clock import Clock, clock
from tests.support.delivery_setup import NodeInHand, make_group, make_source, prepare_all, started, store_image
from tests.support.node_reports import listed

__all__ = ["clock"]


@pytest.fixture
def theirs(mallory: Any, given: dict[str, Any], node: NodeInHand) -> dict[str, Any]:
    """What the same node was given of Umbrella's group."""
    umbrella = Organization.objects.get(slug="umbrella")
    start(make_group(umbrella, store_image(umbrella, make_source(b"theirs"))), by=CONSOLE)
    node.poll(listed(given, "downloading"))
    prepare_all()
    (new,) = node.poll(listed(given, "downloading")).json()["start"]
    return dict(new)


def test_a_start_says_what_the_group_wants(clock: Clock, acme: Any, image: Any, node: NodeInHand) -> None:
    image.total_bytes = 12_345
    image.save()
    wanted: dict[str, Any] = {"cpu": 2, "memory_mb": 2048, "restart_policy": "on_failure"}
    given = started(make_group(acme, image, **wanted), node)
    assert {name: given[name] for name in wanted} == wanted
    assert (given["size"], given["gpu"]) == (12_345, "")
    # What writes a start into a log or an error writes neither the token nor the environment.
    ContainerGroup.objects.update(gpu="rtx4090")
    (again,) = assignments.issue_starts(node.row, ())
    assert again.as_json()["gpu"] == "rtx4090"
    assert (again.instance, again.environment) == (given["instance"], {"GREETING": "hello"})
    assert again.instance in repr(again)
    assert [secret in repr(again) for secret in (again.token, "GREETING", "hello")] == [False] * 3
    assert given["token_expires_at"] == (clock.now + timedelta(minutes=15)).isoformat()


def test_nothing_starts_for_a_group_that_should_not_run(
    given: dict[str, Any], theirs: dict[str, Any], node: NodeInHand, acme: Any
) -> None:
    """The other organization's does. A lost response is repeated as long as the group runs."""

    def starts() -> set[str]:
        return {item["instance"] for item in node.poll().json()["start"]}

    assert starts() == {given["instance"], theirs["instance"]}
    Quota.objects.filter(pk=acme.pk).update(suspended_at="2020-01-01T00:00:00Z")
    assert starts() == {theirs["instance"]}
    Quota.objects.filter(pk=acme.pk).update(suspended_at=None)
    ContainerGroup.objects.filter(organization=acme).update(status="stopped")
    assert starts() == {theirs["instance"]}
    ContainerGroup.objects.filter(organization=acme).update(status="running")
    assert starts() == {given["instance"], theirs["instance"]}


def test_a_new_token_ends_the_ones_before_of_its_instance_only(
    given: dict[str, Any], theirs: dict[str, Any], node: NodeInHand
) -> None:
    bearer = node.bearer(theirs["token"])
    (again,) = node.poll(listed(theirs, "downloading")).json()["start"]
    assert again["instance"] == given["instance"]
    assert Client().get("/v2/", headers=bearer).status_code == 200
    assert node.redeem(given["token"]).status_code == 401
    assert node.redeem(again["token"]).status_code == 200


def test_what_has_stopped_ends_its_own_session_only(
    given: dict[str, Any], theirs: dict[str, Any], node: NodeInHand
) -> None:
    bearers = [node.bearer(item["token"]) for item in (given, theirs)]
    stop(ContainerGroup.objects.get(pk=Instance.objects.get(pk=given["instance"]).group_id), by=CONSOLE)
    assert node.poll(listed(theirs, "downloading")).json() == {"start": [], "stop": []}
    assert [str(row.pk) for row in Instance.objects.all()] == [theirs["instance"]]
    assert [Client().get("/v2/", headers=bearer).status_code for bearer in bearers] == [401, 200]
    assert NodeToken.objects.get(group_name="app", instance=None).ended_because == "stopped"


def test_an_instance_gets_twenty_tokens_an_hour(
    clock: Clock, given: dict[str, Any], theirs: dict[str, Any], node: NodeInHand
) -> None:
    token = NodeToken.objects.get(instance=given["instance"])
    for number in range(18):
        NodeToken.objects.create(
            token_hash=f"{number}",
            organization=token.organization,
            group_name="app",
            instance=token.instance,
            ended_at=clock.now,
            expires_at=clock.now,
        )
    both = {given["instance"], theirs["instance"]}
    assert {item["instance"] for item in node.poll().json()["start"]} == both, "the twentieth"
    clock.shift(3599)
    Node.objects.update(last_seen_at=clock.now)
    assert {item["instance"] for item in node.poll().json()["start"]} == {theirs["instance"]}
    clock.shift(1)
    assert {item["instance"] for item in node.poll().json()["start"]} == both


def test_an_overdue_manifest_is_requested_every_ten_seconds(
    clock: Clock, acme: Any, image: Any, node: NodeInHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each instance by itself, whose wake-up may be the one that is lost."""
    woken: list[Any] = []
    monkeypatch.setattr(assignments, "wake_prepare", woken.append)
    start(make_group(acme, image, replicas=2), by=CONSOLE)
    node.poll()
    for seconds, count in ((10, 0), (1, 2), (9, 2), (2, 4)):
        clock.shift(seconds)
        assert node.poll().json() == {"start": [], "stop": []}
        assert len(woken) == count
    assert set(woken) == set(Instance.objects.values_list("pk", flat=True))
    prepare_all()
    assert len(node.poll().json()["start"]) == 2


def test_an_instance_that_is_stopped_in_between_gets_no_token(
    group: Any, node: NodeInHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(group, by=CONSOLE)
    node.poll()
    prepare_all()

    def stopped_first(instance: Instance, **values: Any) -> None:
        Instance.objects.filter(pk=instance.pk).update(state="stopping")
        move(instance, **values)

    monkeypatch.setattr(assignments, "move", stopped_first)
    assert node.poll().json()["start"] == []
    assert not NodeToken.objects.exists()
