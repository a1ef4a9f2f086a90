"""Failures, nodes and the ledger in the admin: what support and operators do there, and what is recorded."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from groups.models import Enrolment, Node, NodeToken, Redemption, UnusualPresentation
from groups.nodes.enrolment import enrol
from registries.foundation.actor import CONSOLE
from tests.support.admin_rows import MARKUP, Rows, act, make_rows, url
from tests.support.delivery_setup import ec_key, public_pem


@pytest.fixture
def rows(acme: Any, alice: Any) -> Rows:
    return make_rows(acme, alice)


def logged() -> list[tuple[str | None, str]]:
    return list(LogEntry.objects.exclude(change_message=MARKUP).values_list("object_id", "change_message"))


def test_an_operator_cordons_and_lets_in_again(operator: Client, rows: Rows) -> None:
    node = rows[Node]
    for action, status in (("cordon", "cordoned"), ("cordon", "cordoned"), ("uncordon", "active")):
        operator.post(url(Node), act(action, node))
        node.refresh_from_db()
        assert node.status == status
    assert [message for _, message in logged()] == ["Uncordoned", "Cordoned"]


def test_an_operator_drains_a_node(operator: Client, rows: Rows) -> None:
    for said in ("Drained 1 of 1.", "Drained 0 of 1."):
        done = operator.post(url(Node), act("drain", rows[Node]), follow=True)
        assert said in done.content.decode()
    assert Node.objects.get().status == "draining"


def test_an_operator_makes_a_code_for_another_key(operator: Client, support: Client, rows: Rows) -> None:
    node = rows[Node]
    assert support.post(url(Node), act("replace_key", node)).status_code == 403
    response = operator.post(url(Node), act("replace_key", node))
    (code,) = re.findall(r"dre_[A-Za-z0-9_-]{43}", response.content.decode())
    assert "no-store" in response["Cache-Control"]
    key = public_pem(ec_key())
    assert enrol(code, "whatever", key, by=CONSOLE) == node
    assert Node.objects.get().public_key == key
    assert logged() == [(str(node.pk), "Code for another key")]
    Node.objects.update(status="removed")
    refused = operator.post(url(Node), act("replace_key", node), follow=True)
    assert "A removed node stays removed." in refused.content.decode()


def test_what_is_unusual_is_listed(operator: Client, rows: Rows) -> None:
    usual = Redemption.objects.create(token=rows[NodeToken], outcome="refused", reason="expired", address="127.9.9.9")
    page = operator.get(url(UnusualPresentation)).content.decode()
    assert "replayed" in page
    assert str(usual.address) not in page


def test_an_operator_removes_a_node_after_being_asked(operator: Client, support: Client, rows: Rows) -> None:
    node = rows[Node]
    support.post(url(Node), act("remove", node, confirmed="yes"))
    asked = operator.post(url(Node), act("remove", node)).content.decode()
    assert "Remove these nodes?" in asked
    assert Node.objects.get().status == "active"

    for said in ("Removed 1 of 1.", "Removed 0 of 1."):
        done = operator.post(url(Node), act("remove", node, confirmed="yes"), follow=True)
        assert said in done.content.decode()

    assert Node.objects.get().status == "removed"
    assert not NodeToken.objects.filter(node=node, ended_at__isnull=True).exists()
    assert logged() == [(str(node.pk), "Removed")]


def test_a_removed_node_stays_removed(operator: Client, rows: Rows) -> None:
    Node.objects.update(status=Node.Status.REMOVED)
    for action in ("cordon", "uncordon"):
        operator.post(url(Node), act(action, rows[Node]))
    assert Node.objects.get().status == "removed"
    assert logged() == []


def test_a_code_is_shown_once_and_kept_nowhere(operator: Client, olga: Any, caplog: pytest.LogCaptureFixture) -> None:
    response = operator.post(url(Enrolment, "add"), {"node_name": "berlin-1"})
    page = response.content.decode()
    (code,) = re.findall(r"dre_[A-Za-z0-9_-]{43}", page)
    assert "no-store" in response["Cache-Control"]
    assert code not in str(response.cookies)
    assert code not in caplog.text
    made = Enrolment.objects.get()
    assert (made.created_by, made.node_name) == (olga, "berlin-1")
    assert LogEntry.objects.get().object_id == str(made.pk)
    for address in (url(Enrolment), url(Enrolment, made.pk), "/admin/"):
        later = operator.get(address).content.decode()
        assert code not in later
        assert made.code_hash not in later
    assert code not in str(list(operator.session.items()))
    assert enrol(code, "whatever", public_pem(ec_key()), by=CONSOLE).name == "berlin-1"


@pytest.mark.parametrize("name", ["", "-", "a" * 64, MARKUP, "line\nbreak"])
def test_a_name_that_is_none_gets_a_form_error(operator: Client, name: str) -> None:
    response = operator.post(url(Enrolment, "add"), {"node_name": name})
    assert response.status_code == 200
    assert "errorlist" in response.content.decode()
    assert not Enrolment.objects.exists()


def test_an_operator_revokes_a_token_after_being_asked(operator: Client, rows: Rows) -> None:
    token = rows[NodeToken]
    assert "Revoke these tokens?" in operator.post(url(NodeToken), act("revoke", token)).content.decode()
    token.refresh_from_db()
    assert token.ended_at is None

    for _ in range(2):
        operator.post(url(NodeToken), act("revoke", token, confirmed="yes"))
    token.refresh_from_db()
    assert token.ended_because == "revoked"
    assert logged() == [(str(token.pk), "Revoked")]


def test_support_runs_no_operator_action(support: Client, rows: Rows) -> None:
    assert support.post(url(NodeToken), act("revoke", rows[NodeToken], confirmed="yes")).status_code == 403
    assert support.post(url(Node), act("cordon", rows[Node])).status_code == 403
    assert support.post(url(Enrolment, "add"), {"node_name": "mine"}).status_code == 403
    assert logged() == []


def test_an_odd_choice_causes_no_error(operator: Client, rows: Rows) -> None:
    for model, action in ((NodeToken, "revoke"), (Node, "cordon")):
        for chosen in ("x", "", "\0", "'"):
            sent = {"action": action, "_selected_action": [chosen], "confirmed": "yes"}
            assert operator.post(url(model), sent).status_code in (200, 302, 400), (model, chosen)
    assert logged() == []


@pytest.mark.parametrize(("said", "polled", "shown"), [
    ("linux/arm64", True, "linux/arm64"),
    ("", True, "linux/amd64 (the node does not say)"),
    ("", False, "-"),
])  # fmt: skip
def test_a_nodes_platform_is_what_it_said_or_what_is_assumed(
    operator: Client, rows: Rows, said: str, polled: bool, shown: str
) -> None:
    Node.objects.update(platform=said, last_seen_at=timezone.now() if polled else None)
    assert f'<td class="field-runs">{shown}</td>' in operator.get("/admin/groups/node/").content.decode()
