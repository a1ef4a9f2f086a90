"""Each signed call is good once, across all web processes, and remembered for as long as it could come again."""

from __future__ import annotations

import time
from typing import Any

import pytest
import time_machine
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.core.cache import caches
from django.db.models import F
from django.test import Client

from groups.models import Node
from groups.nodes.authentication import NotAuthenticated, authenticate, consume_call
from groups.nodes.liveness import remove
from registries.foundation.actor import CONSOLE
from tests.groups.nodes.test_authentication import call
from tests.support.delivery_setup import NodeInHand, ec_key, make_node, public_pem


@pytest.mark.parametrize(("others", "is_let_in"), [(4, True), (5, False)])
def test_a_call_is_tried_five_times_beside_others(
    node: NodeInHand, monkeypatch: pytest.MonkeyPatch, others: int, is_let_in: bool
) -> None:
    taken = authenticate(f"Bearer {node.signed()}")
    left = iter(range(others))
    really = Node.refresh_from_db

    def other_call() -> None:
        if next(left, None) is not None:
            Node.objects.update(calls=F("calls") + 1)

    def refresh(self: Node, **options: Any) -> None:
        really(self, **options)
        other_call()

    monkeypatch.setattr(Node, "refresh_from_db", refresh)
    other_call()
    if is_let_in:
        consume_call(taken, cpu=7)
    else:
        with pytest.raises(NotAuthenticated):
            consume_call(taken, cpu=7)
    assert Node.objects.get().calls == others + is_let_in


def test_each_call_is_good_once(node: NodeInHand) -> None:
    token = node.signed()
    assert [call(f"Bearer {token}").status_code for _ in range(3)] == [200, 401, 401]
    # A jti belongs to its node.
    other = make_node("other")
    assert call(f"Bearer {node.signed(jti='one')}").status_code == 200
    assert call(f"Bearer {other.signed(jti='one')}").status_code == 200
    assert call(f"Bearer {node.signed(jti='one')}").status_code == 401


def test_a_call_is_good_once_whoever_answers_it(node: NodeInHand) -> None:
    """What a process has in memory plays no part; nor does a body that couldn't be read."""
    token = node.signed()
    caches["node_calls"].clear()
    first, second = (authenticate(f"Bearer {token}") for _ in range(2))
    consume_call(first)
    with pytest.raises(NotAuthenticated):
        consume_call(second)
    with pytest.raises(NotAuthenticated):
        authenticate(f"Bearer {token}")
    unread = node.signed()
    headers = {"Authorization": f"Bearer {unread}"}
    statuses = [Client().post("/node/v1/poll", b"{", "application/json", headers=headers).status_code for _ in "12"]
    assert statuses == [400, 401]


def test_what_is_remembered_is_bounded(node: NodeInHand) -> None:
    for _ in range(3):
        assert call(f"Bearer {node.signed()}").status_code == 200
    node.row.refresh_from_db()
    assert len(node.row.recent_calls) == 3
    Node.objects.update(recent_calls=[])
    assert call(f"Bearer {node.signed(jti='one', exp=(until := int(time.time()) + 50))}").status_code == 200
    # Processes of another release read it, too.
    assert Node.objects.get().recent_calls == [[until + 6, "7692c3ad3540bb803c020b3a"]]
    past = [[int(time.time()) - 1, f"{number}"] for number in range(400)]
    Node.objects.update(recent_calls=past)
    assert call(f"Bearer {node.signed()}").status_code == 200
    node.row.refresh_from_db()
    assert len(node.row.recent_calls) == 1
    Node.objects.update(recent_calls=[[int(time.time()) + 50, f"{number}"] for number in range(400)])
    assert call(f"Bearer {node.signed()}").status_code == 401
    Node.objects.update(recent_calls=[[int(time.time()) + 50, f"{number}"] for number in range(399)])
    assert call(f"Bearer {node.signed()}").status_code == 200
    assert call(f"Bearer {node.signed()}").status_code == 401


@pytest.mark.parametrize("exp", [1_800_000_050, 1_800_000_050.9])
def test_a_call_is_remembered_for_as_long_as_its_token_is_good(node: NodeInHand, exp: float) -> None:
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        used, unused = (f"Bearer {node.signed(exp=exp)}" for _ in range(2))
        assert call(used).status_code == 200
        clock.move_to(exp + 4.95)
        assert call(f"Bearer {node.signed()}").status_code == 200, "which forgets what it can"
        assert call(used).status_code == 401
        assert call(unused).status_code == 200, "it would still be good"
        clock.shift(0.1)
        assert call(f"Bearer {node.signed(exp=exp)}").status_code == 401
        clock.shift(2)
        assert call(f"Bearer {node.signed()}").status_code == 200
        node.row.refresh_from_db()
        assert [until > exp + 10 for until, _ in node.row.recent_calls] == [True, True], "the others are forgotten"


@pytest.mark.parametrize("what", ["removed", "another key", "deleted"])
def test_a_node_that_changes_between_reading_and_writing_does_nothing(node: NodeInHand, what: str) -> None:
    taken = authenticate(f"Bearer {node.signed()}")
    match what:
        case "removed":
            assert remove(node.row, by=CONSOLE)
        case "another key":
            Node.objects.update(public_key=public_pem(ec_key()))
        case "deleted":
            Node.objects.all().delete()
    before = list(Node.objects.values())
    with pytest.raises(NotAuthenticated):
        consume_call(taken, cpu=7)
    assert list(Node.objects.values()) == before


def test_calls_at_once_each_count(node: NodeInHand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process took another call in between: both are remembered. A node whose row never holds still is
    refused, and not let in unremembered. One machine with two names is two nodes."""
    other = make_node("other", key=load_pem_private_key(node.private_pem, None))
    tokens = [f"Bearer {node.signed()}" for _ in range(4)]
    first, second, third, fourth = (authenticate(token) for token in tokens)
    for one in (first, second):
        consume_call(one, cpu=3)
    node.row.refresh_from_db()
    assert (len(node.row.recent_calls), node.row.calls, node.row.cpu) == (2, 2, 3)
    assert [call(token).status_code for token in tokens[:2]] == [401, 401]
    with monkeypatch.context() as stale:
        stale.setattr(Node, "refresh_from_db", lambda *arguments, **options: None)
        with pytest.raises(NotAuthenticated):
            consume_call(third, cpu=5)
    node.row.refresh_from_db()
    assert (node.row.calls, node.row.cpu) == (2, 3)
    consume_call(fourth)
    other.row.refresh_from_db()
    assert (other.row.calls, other.row.recent_calls, other.row.cpu) == (0, [], 0)


def test_a_token_is_good_for_one_call_whichever_it_is(node: NodeInHand) -> None:
    for first, second in (("poll", "key"), ("key", "poll"), ("key", "key")):
        token = f"Bearer {node.signed()}"
        assert call(token, f"/node/v1/{first}").status_code == (200 if first == "poll" else 400)
        assert call(token, f"/node/v1/{second}").status_code == 401
