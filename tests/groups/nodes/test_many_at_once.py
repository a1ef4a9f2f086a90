"""Fifty at once: each instance goes to one node, each token opens one session."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import pytest

from groups.actions.lifecycle import start
from groups.delivery.tokens import TokenRefused, redeem
from groups.models import Instance, NodeToken, Redemption
from groups.nodes.authentication import NotAuthenticated, authenticate
from groups.nodes.poll import poll
from groups.nodes.report import Capacity, Report
from registries.foundation.actor import CONSOLE
from tests.support.concurrency import at_once
from tests.support.delivery_setup import NodeInHand, make_group, make_node, started

MANY = 50
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def test_each_instance_goes_to_one_node(acme: Any, image: Any) -> None:
    nodes = [make_node(f"node-{number}") for number in range(MANY)]
    for machine in nodes:
        poll(machine.row, Report(Capacity(4, 4096)))
    start(make_group(acme, image, replicas=30), by=CONSOLE)

    results = at_once(*(partial(poll, node.row, Report(Capacity(4, 4096))) for node in nodes))

    assert [result for result in results if isinstance(result, BaseException)] == []
    placed = Counter(Instance.objects.values_list("node", flat=True))
    assert None not in placed
    assert sum(placed.values()) == 30
    assert max(placed.values()) == 1, "spread as far as it goes"


def test_a_token_opens_one_session(group: Any, node: NodeInHand) -> None:
    token = started(group, node)["token"]
    thieves = [make_node(f"thief-{number}") for number in range(5)]

    def present(who: NodeInHand) -> str:
        try:
            return redeem(token, str(who.row.pk), "127.0.0.1").bearer
        except TokenRefused as refused:
            return refused.reason

    results = at_once(*(partial(present, machine) for machine in [node] * 20 + thieves))

    bearers = [result for result in results if str(result).startswith("drs_")]
    assert len(bearers) == 2, "the session, and its one repetition"
    assert len(set(bearers)) == 1
    outcomes = Redemption.objects.values_list("outcome", flat=True)
    assert (list(outcomes).count("opened"), list(outcomes).count("repeated")) == (1, 1)
    assert Redemption.objects.filter(reason="other_node").count() == len(thieves)
    assert NodeToken.objects.filter(redeemed_at__isnull=False).count() == 1


def test_a_signed_call_is_taken_once(node: NodeInHand) -> None:
    token = f"Bearer {node.signed()}"
    calls = [authenticate(token) for _ in range(20)]

    results = at_once(*(partial(poll, call.node, Report(Capacity(1, 1)), call=call) for call in calls))

    assert len([result for result in results if isinstance(result, NotAuthenticated)]) == 19
    assert len([result for result in results if not isinstance(result, BaseException)]) == 1
