"""Another key for a node that is known, by the old key or by a code of the operator's."""

from __future__ import annotations

from typing import Any

import pytest

from groups.models import Enrolment, Instance, Node, NodeManifest, NodeToken
from groups.nodes import enrolment
from groups.nodes.enrolment import CodeRefused, create_enrolment, create_replacement, replace_key
from groups.nodes.keys import read_public_key
from groups.nodes.liveness import remove
from portal.models import Activity
from registries.foundation.actor import CONSOLE
from tests.support.activity import recorded, recorded_targets
from tests.support.delivery_setup import (
    NodeInHand,
    ec_key,
    make_group,
    next_key_proof,
    prepare_all,
    private_pem,
    public_pem,
    rsa_key,
    started,
)
from tests.support.node_reports import listed


def present(node: NodeInHand, public_key: Any, **server: Any) -> Any:
    headers = {"Authorization": f"Bearer {node.signed()}"}
    body = {"public_key": public_key, "proof": next_key_proof(node, public_key)}
    return node.client.post("/node/v1/key", body, "application/json", headers=headers, **server)


def with_key(node: NodeInHand, key: Any) -> NodeInHand:
    node.row.refresh_from_db()
    return NodeInHand(node.row, private_pem(key))


def test_the_old_key_names_the_new_one(node: NodeInHand, given: dict[str, Any]) -> None:
    bearer, key = node.bearer(given["token"]), rsa_key()
    old = NodeInHand(Node.objects.get(pk=node.row.pk), node.private_pem)

    answer = present(node, public_pem(key), REMOTE_ADDR="192.0.2.7")

    assert answer.json() == {"node_id": str(node.row.pk)}

    row = Activity.objects.select_related("text").latest("pk")
    assert (row.action, row.organization_id) == ("node.key_replaced", None)
    assert (row.target_kind, row.target_key, row.text.target_name) == ("node", str(node.row.pk), "node-1")
    assert (row.actor_kind, row.actor_key, row.text.actor_name) == ("node", str(node.row.pk), "node-1")
    assert (row.text.client_address, row.request_id) == ("192.0.2.7", answer["X-Request-Id"])
    assert old.poll().status_code == 401
    assert node.client.get("/v2/", headers=bearer).status_code == 401
    assert NodeToken.objects.get().ended_because == "key replaced"
    assert not NodeManifest.objects.exists()
    new = with_key(node, key)
    assert new.poll(listed(given, "downloading")).json() == {"start": [], "stop": []}
    prepare_all()
    (again,) = new.poll(listed(given, "downloading")).json()["start"]
    assert again["instance"] == given["instance"]
    assert again["image"] != given["image"], "its keys are wrapped to the new key"
    assert new.redeem(again["token"]).status_code == 200


def test_a_code_of_the_operators_names_it(node: NodeInHand, given: dict[str, Any]) -> None:
    node.poll(listed(given, "running"))
    (superseded, _), (code, _) = (create_replacement(node.row, by=CONSOLE) for _ in range(2))
    key = ec_key()
    body = {"code": superseded, "name": "whatever", "public_key": public_pem(key)}
    assert node.client.post("/node/v1/enrol", body, "application/json").status_code == 401

    answer = node.client.post("/node/v1/enrol", body | {"code": code}, "application/json")

    assert answer.json() == {"node_id": str(node.row.pk)}
    target = [("enrolment", str(row.pk), "node-1") for row in Enrolment.objects.order_by("pk")]
    assert recorded_targets(organization=None) == [
        *(("enrolment.created", "operator", *made) for made in target),
        ("node.key_replaced", "node", "node", str(node.row.pk), "node-1"),
    ]
    assert recorded(organization=None)[1:] == [
        ("Drayage", "enrolment.created", "node-1", "for another key"),
        ("node-1", "node.key_replaced", "node-1", ""),
    ]
    assert Activity.objects.latest("pk").actor_key == str(node.row.pk)
    assert Node.objects.get().name == node.row.name
    assert Enrolment.objects.filter(used_at__isnull=False).count() == 1
    new = with_key(node, key)
    assert new.poll(listed(given, "running")).json() == {"start": [], "stop": []}
    assert Instance.objects.get().state == "running"
    assert node.client.post("/node/v1/enrol", body | {"code": code}, "application/json").status_code == 401


def test_keys_that_can_not_be_used(node: NodeInHand, db: None) -> None:
    assert present(node, "-----BEGIN PUBLIC KEY-----\nx").json()["code"] == "key_unsupported"
    assert present(node, None).json()["code"] == "invalid"
    assert node.poll().status_code == 200


def test_a_removed_node_gets_no_other_key(node: NodeInHand) -> None:
    code, _ = create_replacement(node.row, by=CONSOLE)
    remove(node.row, by=CONSOLE)
    assert present(node, public_pem(ec_key())).status_code == 401
    body = {"code": code, "name": "node", "public_key": public_pem(ec_key())}
    assert node.client.post("/node/v1/enrol", body, "application/json").status_code == 401
    with pytest.raises(CodeRefused):
        create_replacement(node.row, by=CONSOLE)


def test_another_key_is_the_affair_of_one_node(
    node: NodeInHand, other_node: NodeInHand, given: dict[str, Any], acme: Any, image: Any, monkeypatch: Any
) -> None:
    """Beside a node that keeps its key, its session, its manifest and its codes."""
    bearer = node.bearer(given["token"])
    theirs = started(make_group(acme, image, "theirs"), other_node)
    their_bearer = other_node.bearer(theirs["token"])
    their_code, _ = create_replacement(other_node.row, by=CONSOLE)
    new_code, _ = create_enrolment("node-3", by=CONSOLE)
    create_replacement(node.row, by=CONSOLE)
    stale = Node.objects.get(pk=node.row.pk)
    # What it has fetched already needs no other manifest.
    Instance.objects.create(group=make_group(acme, image, "runs"), node=node.row, state="running")
    woken: list[Any] = []
    monkeypatch.setattr("groups.nodes.enrolment.wake_prepare", woken.append)

    assert present(node, public_pem(ec_key())).status_code == 200

    assert [str(key) for key in woken] == [given["instance"]]
    assert node.client.get("/v2/", headers=bearer).status_code == 401
    assert node.client.get("/v2/", headers=their_bearer).status_code == 200
    assert [row.node for row in NodeManifest.objects.all()] == [other_node.row]
    assert other_node.poll(listed(theirs, "downloading")).status_code == 200
    for code in (their_code, new_code):
        body = {"code": code, "name": "x", "public_key": public_pem(ec_key())}
        assert node.client.post("/node/v1/enrol", body, "application/json").status_code == 200
    # Whoever read the row before has an older key in hand, and gives the node none.
    before = list(Node.objects.order_by("pk").values())
    stale_pem = public_pem(ec_key())
    stale_proof = next_key_proof(NodeInHand(stale, node.private_pem), stale_pem)
    assert not replace_key(stale, stale_pem, proof=stale_proof, by=CONSOLE)
    assert list(Node.objects.order_by("pk").values()) == before
    # Whoever gave it a key has that one in hand, and can give it the next.
    fresh, key = Node.objects.get(pk=node.row.pk), ec_key()
    Node.objects.filter(pk=fresh.pk).update(public_key=public_pem(key))
    fresh.refresh_from_db()
    for following in (ec_key(), ec_key()):
        proof = next_key_proof(NodeInHand(fresh, private_pem(key)), public_pem(following))
        assert replace_key(fresh, public_pem(following), proof=proof, by=CONSOLE)
        key = following


def test_a_key_that_changes_while_another_is_presented_stays(
    node: NodeInHand, other_node: NodeInHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = public_pem(ec_key())
    really = read_public_key

    def change_in_between(pem: str) -> Any:
        Node.objects.filter(pk=node.row.pk).update(public_key=first)
        return really(pem)

    monkeypatch.setattr(enrolment, "read_public_key", change_in_between)
    assert present(node, public_pem(ec_key())).status_code == 401
    assert Node.objects.get(pk=node.row.pk).public_key == first


def test_a_code_of_a_node_that_was_removed_in_between_is_not_spent(node: NodeInHand) -> None:
    code, row = create_replacement(node.row, by=CONSOLE)
    remove(node.row, by=CONSOLE)
    body = {"code": code, "name": "node", "public_key": public_pem(ec_key())}
    assert node.client.post("/node/v1/enrol", body, "application/json").status_code == 401
    row.refresh_from_db()
    assert row.used_at is None
    assert Node.objects.get().public_key == node.row.public_key


def test_a_call_is_used_up_even_if_its_body_is_none(node: NodeInHand) -> None:
    """Whoever saw it can't send it again with a key of their own."""
    headers = {"Authorization": f"Bearer {node.signed()}"}
    answers = [
        node.client.post("/node/v1/key", body, "application/json", headers=headers).status_code
        for body in ({}, {"public_key": public_pem(ec_key())})
    ]
    assert answers == [400, 401]
    assert Node.objects.get().public_key == node.row.public_key


def test_a_code_for_another_node_of_that_name_stays_good(node: NodeInHand) -> None:
    code, _ = create_enrolment(node.row.name, by=CONSOLE)
    create_replacement(node.row, by=CONSOLE)
    body = {"code": code, "name": "whatever", "public_key": public_pem(ec_key())}
    assert node.client.post("/node/v1/enrol", body, "application/json").status_code == 200
    assert Node.objects.count() == 2
