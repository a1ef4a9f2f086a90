"""What a poll does over HTTP: reports come in, work goes out."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError
from django.test import Client
from django.utils import timezone

from groups.actions.lifecycle import delete, start, stop
from groups.models import Instance, Node, NodeToken
from groups.nodes import views
from groups.nodes.poll import poll
from registries.foundation.actor import CONSOLE
from tests.support.database_clock import Clock, clock
from tests.support.delivery_setup import NodeInHand, make_group, prepare_all
from tests.support.node_reports import GOOD, listed, send

__all__ = ["clock"]


def instance() -> Instance:
    return Instance.objects.get()


def test_the_way_of_an_instance(group: Any, node: NodeInHand) -> None:
    start(group, by=CONSOLE)
    assert node.poll().json() == {"start": [], "stop": []}
    assert (instance().state, instance().node) == ("allocating", node.row)
    assert instance().assigned_at is not None
    prepare_all()
    response = node.poll()
    assert response["Cache-Control"] == "no-store"
    (given,) = response.json()["start"]
    assert given["instance"] == str(instance().pk)
    name, _, digest = given["image"].partition("@")
    assert name == "localhost:8001/acme/default/app"
    assert digest.startswith("sha256:")
    assert given["token"].startswith("drt_")
    assert given["token_expires_at"] > timezone.now().isoformat()
    assert (given["command"], given["environment"]) == (["/file-0", "--fast"], {"GREETING": "hello"})
    assert instance().state == "downloading"

    node.bearer(given["token"])
    assert node.poll(listed(given, "downloading", progress=40, message="layer 2 of 3")).json() == {
        "start": [],
        "stop": [],
    }
    assert (instance().progress, instance().message) == (40, "layer 2 of 3")
    group.refresh_from_db()
    assert group.status == "deploying"

    node.poll(listed(given, "creating"))
    assert (instance().state, instance().exits, instance().exit_code, instance().message) == ("creating", 0, None, "")
    assert NodeToken.objects.get().ended_because == "delivered"
    node.poll(listed(given, "running"))
    group.refresh_from_db()
    assert (instance().state, group.status) == ("running", "running")
    node.poll(listed(given, "creating"))
    group.refresh_from_db()
    assert (instance().state, group.status) == ("creating", "deploying")
    node.poll(listed(given, "running"))

    group.refresh_from_db()
    stop(group, by=CONSOLE)
    assert node.poll(listed(given, "running")).json()["stop"] == [given["instance"]]
    assert instance().state == "stopping"
    assert node.poll().json() == {"start": [], "stop": []}
    assert not Instance.objects.exists()


def test_what_the_node_reports_past_the_download_ends_the_session(node: NodeInHand, given: dict[str, Any]) -> None:
    bearer = node.bearer(given["token"])
    node.poll(listed(given, "creating"))
    assert Client().get("/v2/", headers=bearer).status_code == 401


def test_an_answer_that_got_lost_is_given_again(node: NodeInHand, given: dict[str, Any]) -> None:
    (again,) = node.poll().json()["start"]
    assert again["instance"] == given["instance"]
    assert again["token"] != given["token"]
    first, second = NodeToken.objects.order_by("issued_at")
    assert (first.ended_because, second.ended_because) == ("reissued", "")
    assert node.redeem(given["token"]).status_code == 401
    assert node.redeem(again["token"]).status_code == 200


def test_a_node_that_lost_its_disk_is_given_it_again(node: NodeInHand, given: dict[str, Any]) -> None:
    bearer = node.bearer(given["token"])
    (again,) = node.poll().json()["start"]
    assert Client().get("/v2/", headers=bearer).status_code == 401
    node.bearer(again["token"])
    node.poll(listed(given, "running"))
    group = instance().group
    assert group.status == "running"
    (third,) = node.poll().json()["start"]
    group.refresh_from_db()
    assert (instance().state, group.status) == ("downloading", "deploying")
    assert node.redeem(third["token"]).status_code == 200


def test_a_download_whose_token_is_used_up_gets_another(node: NodeInHand, given: dict[str, Any]) -> None:
    assert node.poll(listed(given, "downloading")).json()["start"] == []
    NodeToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    (again,) = node.poll(listed(given, "downloading")).json()["start"]
    node.bearer(again["token"])
    assert node.poll(listed(given, "downloading")).json()["start"] == []
    NodeToken.objects.update(session_expires_at=timezone.now() - timedelta(seconds=1))
    assert len(node.poll(listed(given, "downloading")).json()["start"]) == 1


def test_an_instance_that_is_given_back_goes_elsewhere(
    node: NodeInHand, other_node: NodeInHand, given: dict[str, Any]
) -> None:
    back = listed(given, "allocating", message="disk full", progress=40)
    assert node.poll(back).json() == {"start": [], "stop": []}
    assert (instance().state, instance().node, instance().message) == ("allocating", None, "disk full")
    assert (instance().progress, instance().assigned_at) == (0, None)
    assert NodeToken.objects.get().ended_because == "given back"
    node.poll()
    assert instance().node is None, "not to the same node at once"
    other_node.poll()
    prepare_all()
    (theirs,) = other_node.poll().json()["start"]
    assert theirs["instance"] == given["instance"]
    assert theirs["image"] != given["image"], "each node has its own manifest"
    assert node.poll(listed(given, "downloading")).json()["stop"] == [given["instance"]]


def test_an_instance_that_nobody_else_takes_comes_back(clock: Clock, node: NodeInHand, given: dict[str, Any]) -> None:
    node.poll(listed(given, "allocating"))
    clock.shift(59)
    assert node.poll().json()["start"] == []
    clock.shift(1)
    assert len(node.poll().json()["start"]) == 1


def test_a_node_speaks_for_its_own_instances_only(
    node: NodeInHand, other_node: NodeInHand, given: dict[str, Any]
) -> None:
    answer = other_node.poll(
        listed(given, "running"), {"id": "00000000-0000-0000-0000-000000000000", "state": "running"}
    )
    assert answer.json()["stop"] == [given["instance"], "00000000-0000-0000-0000-000000000000"]
    assert instance().state == "downloading"
    assert instance().node == node.row


@pytest.mark.parametrize("state", ["stopping", "allocating"])
def test_what_was_deleted_is_to_stop(node: NodeInHand, given: dict[str, Any], state: str) -> None:
    delete(instance().group, by=CONSOLE)
    assert node.poll(listed(given, state)).json() == {"start": [], "stop": [given["instance"]]}


def test_a_group_that_stops_before_it_was_fetched(node: NodeInHand, given: dict[str, Any]) -> None:
    group = instance().group
    stop(group, by=CONSOLE)
    assert node.poll().json() == {"start": [], "stop": []}
    assert not Instance.objects.exists()
    assert NodeToken.objects.get().ended_because == "stopped"
    start(group, by=CONSOLE)
    assert len(node.poll().json()["start"]) == 1, "its manifest is still good"


def test_reports_that_lag_behind_change_nothing(node: NodeInHand, given: dict[str, Any]) -> None:
    node.poll(listed(given, "running"))
    for state in ("downloading", "stopping"):
        assert node.poll(listed(given, state)).json() == {"start": [], "stop": []}
        assert instance().state == "running"


def test_an_environment_that_can_not_be_read_starts_nothing(group: Any, node: NodeInHand) -> None:
    start(group, by=CONSOLE)
    node.poll()
    prepare_all()
    type(group).objects.update(environment=b"something else, of some length at least")
    assert node.poll().json() == {"start": [], "stop": []}
    assert instance().state == "allocating"


def test_a_database_that_fails_is_not_a_crash(node: NodeInHand, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def deadlock(*args: Any, **options: Any) -> Any:
        calls.append(1)
        raise OperationalError("deadlock detected")

    monkeypatch.setattr(views, "process_poll", deadlock)
    response = send(node, GOOD)
    assert (response.status_code, response.json()["code"], len(calls)) == (503, "unavailable", 3)
    assert response["Retry-After"] == "5"
    assert "deadlock" not in response.content.decode()

    def deadlock_twice(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) < 6:
            raise OperationalError("deadlock detected")
        return poll(*arguments, **options)

    monkeypatch.setattr(views, "process_poll", deadlock_twice)
    assert send(node, GOOD).status_code == 200

    def broken(*args: Any, **options: Any) -> Any:
        raise DatabaseError("column")

    monkeypatch.setattr(views, "process_poll", broken)
    assert send(node, GOOD).status_code == 503


def test_a_poll_is_all_or_nothing(group: Any, node: NodeInHand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also its call, so that the node can repeat it."""
    start(group, by=CONSOLE)

    def away(*arguments: Any, **options: Any) -> Any:
        raise DatabaseError("away")

    authorization = {"Authorization": f"Bearer {node.signed()}"}
    body = GOOD | {"capacity": {"cpu": 8, "memory_mb": 8192, "gpu": None}}
    with monkeypatch.context() as broken:
        broken.setattr("groups.nodes.poll.issue_starts", away)
        response = Client().post("/node/v1/poll", body, "application/json", headers=authorization)
        assert response.status_code == 503
    assert (instance().node, Node.objects.get().last_seen_at, Node.objects.get().calls) == (None, None, 0)
    programs = Client(enforce_csrf_checks=True)
    assert programs.post("/node/v1/poll", body, "application/json", headers=authorization).status_code == 200
    assert instance().node == node.row


def test_two_groups_of_one_image_name_do_not_meet(acme: Any, image: Any, node: NodeInHand, group: Any) -> None:
    """A token is bound to rows, so a new group of the same name is another one."""
    start(group, by=CONSOLE)
    node.poll()
    prepare_all()
    (first,) = node.poll().json()["start"]
    bearer = node.bearer(first["token"])
    group.delete()
    make_group(acme, image)
    assert Client().get(f"/v2/acme/default/app/manifests/{first['image'][-71:]}", headers=bearer).status_code == 401


def test_the_id_of_a_response_finds_its_line_in_the_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    response = client.post("/node/v1/poll", data=b"{}", content_type="application/json")

    assert response.status_code == 401
    lines: list[dict[str, object]] = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    (refused,) = [line for line in lines if line["event"] == "node_call_refused"]
    assert refused["request"] == response["X-Request-Id"]


@pytest.mark.parametrize("call", ["poll", "key"])
def test_what_a_stranger_sends_is_not_read(db: None, client: Client, call: str) -> None:
    for body, refusal in (
        (b"{", (401, "not_authenticated")),
        (b"{}", (401, "not_authenticated")),
        (b" " * (1024 * 1024 + 1), (413, "too_large")),
    ):
        answer = client.post(f"/node/v1/{call}", body, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == refusal
