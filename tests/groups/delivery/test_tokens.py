"""Minting and redeeming: once, by the right node, and recorded."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone

from groups.actions.lifecycle import stop
from groups.delivery import ledger
from groups.delivery.tokens import EndReason, TokenRefused, end, redeem
from groups.models import ContainerGroup, NodeToken, Redemption
from registries.foundation.actor import CONSOLE
from tests.support.concurrency import at_once
from tests.support.delivery_setup import NodeInHand


def rows() -> list[tuple[str, str]]:
    return list(Redemption.objects.order_by("pk").values_list("outcome", "reason"))


def age(seconds: int) -> None:
    """As if so much time had passed since the token was redeemed."""
    NodeToken.objects.update(redeemed_at=F("redeemed_at") - timedelta(seconds=seconds))


def test_a_token_opens_one_session(node: NodeInHand, given: dict[str, Any]) -> None:
    response = node.redeem(given["token"])
    assert response.status_code == 200
    assert response["Cache-Control"] == "private, no-store"
    answer = response.json()
    assert answer["expires_in"] >= 3600
    assert "issued_at" not in answer
    assert answer["token"] == answer["access_token"]
    token = NodeToken.objects.get()
    assert token.redeemed_at is not None
    assert token.session_expires_at is not None
    assert token.redeemed_from == "127.0.0.1"
    assert rows() == [("opened", "")]


def test_nothing_that_could_be_presented_is_stored(node: NodeInHand, given: dict[str, Any], caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    bearer = node.redeem(given["token"]).json()["token"]
    row = json.dumps(list(NodeToken.objects.values()), default=str) + json.dumps(
        list(Redemption.objects.values()), default=str
    )
    for secret in (given["token"], bearer):
        assert secret not in row
        assert secret.split("_")[-1] not in row
        assert secret not in caplog.text
        assert secret not in repr(redeem.__doc__)


def test_the_same_node_within_a_minute_gets_the_same_session(node: NodeInHand, given: dict[str, Any]) -> None:
    first = node.redeem(given["token"]).json()
    age(50)
    second = node.redeem(given["token"]).json()
    assert first["token"] == second["token"]
    assert second["expires_in"] >= 3600
    assert rows() == [("opened", ""), ("repeated", "")]


def test_after_a_minute_it_is_a_replay(node: NodeInHand, given: dict[str, Any]) -> None:
    bearer = node.bearer(given["token"])
    age(61)
    assert node.redeem(given["token"]).status_code == 401
    assert rows()[-1] == ("refused", "replayed")
    assert Client().get("/v2/", headers=bearer).status_code == 200, "its owner's session continues"


def test_another_node_is_refused_and_spoils_nothing(
    node: NodeInHand, other_node: NodeInHand, given: dict[str, Any]
) -> None:
    assert other_node.redeem(given["token"]).status_code == 401
    refused = Redemption.objects.get()
    assert (refused.outcome, refused.reason) == ("refused", "other_node")
    assert refused.presented_by == str(other_node.row.pk)
    assert refused.token == NodeToken.objects.get()
    assert node.redeem(given["token"]).status_code == 200
    assert other_node.redeem(given["token"]).status_code == 401
    assert rows() == [("refused", "other_node"), ("opened", ""), ("refused", "other_node")]


def test_an_expired_token_opens_nothing(node: NodeInHand, given: dict[str, Any]) -> None:
    NodeToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert node.redeem(given["token"]).status_code == 401
    assert rows() == [("refused", "expired")]


@pytest.mark.parametrize("how", ["revoked", "group stopped", "instance gone", "node removed"])
def test_a_withdrawn_token_opens_nothing(node: NodeInHand, given: dict[str, Any], how: str) -> None:
    token = NodeToken.objects.get()
    match how:
        case "revoked":
            end([token], EndReason.REVOKED)
        case "group stopped":
            stop(ContainerGroup.objects.get(), by=CONSOLE)
        case "instance gone":
            assert token.instance is not None
            token.instance.delete()
        case "node removed":
            type(node.row).objects.update(status="removed")
    assert node.redeem(given["token"]).status_code == 401
    assert rows() == [("refused", "revoked")]
    assert NodeToken.objects.get().redeemed_at is None


def test_a_session_that_ended_is_not_opened_again(node: NodeInHand, given: dict[str, Any]) -> None:
    node.bearer(given["token"])
    end(NodeToken.objects.all(), EndReason.REVOKED)
    assert node.redeem(given["token"]).status_code == 401
    assert rows()[-1] == ("refused", "replayed")


def test_refusals_look_alike(node: NodeInHand, other_node: NodeInHand, given: dict[str, Any]) -> None:
    secret = given["token"]
    genuine = node.basic(secret)["Authorization"]
    unknown = "drt_" + "A" * 43
    answers = []
    for headers in (
        {},
        node.basic(""),
        node.basic(unknown),
        node.basic(secret[:-1]),
        node.basic(secret + "A"),
        node.basic("drt_" + "é" * 43),
        other_node.basic(secret),
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic " + "A" * 5000},
        {"Authorization": f"{genuine}, {genuine}"},
        {"Authorization": genuine.replace("Basic", "Bearer")},
        {"Authorization": "Basic " + "/////w=="},
        {"Authorization": "Basic bm8tdXVpZDp4"},
    ):
        response = Client().get("/v2/token", headers=headers)
        answers.append((response.status_code, response.content, response["WWW-Authenticate"]))
    assert len(set(answers)) == 1
    assert answers[0][0] == 401
    for query in (f"?token={secret}", f"?account={node.row.pk}&password={secret}"):
        assert Client().get(f"/v2/token{query}").status_code == 401
    assert node.redeem(secret).status_code == 200


@pytest.mark.parametrize("method", ["post", "put", "delete", "head", "options", "patch"])
def test_only_get_redeems(node: NodeInHand, given: dict[str, Any], method: str) -> None:
    body = {"grant_type": "password", "username": str(node.row.pk), "password": given["token"]}
    send = getattr(Client(), method)
    response = send("/v2/token", body, headers=node.basic(given["token"])) if method == "post" else send("/v2/token")
    assert response.status_code == 405
    assert response["Allow"] == "GET"
    assert rows() == []
    assert node.redeem(given["token"]).status_code == 200


def test_refusals_do_not_fill_the_table(node: NodeInHand, given: dict[str, Any]) -> None:
    for _ in range(ledger.MAX_A_MINUTE + 10):
        with pytest.raises(TokenRefused):
            redeem("drt_" + "A" * 43, str(node.row.pk), "192.0.2.1")
    assert Redemption.objects.count() == ledger.MAX_A_MINUTE
    with pytest.raises(TokenRefused):
        redeem("drt_" + "A" * 43, str(node.row.pk), "192.0.2.2")
    assert Redemption.objects.count() == ledger.MAX_A_MINUTE + 1


@pytest.mark.django_db(transaction=True)
def test_of_many_nodes_at_once_the_right_one_opens_one_session(
    node: NodeInHand, other_node: NodeInHand, given: dict[str, Any]
) -> None:
    def present(number: int) -> str:
        return redeem(given["token"], str((node if number % 2 else other_node).row.pk), "192.0.2.1").bearer

    results = at_once(*(partial(present, number) for number in range(24)))
    assert len({result for result in results if isinstance(result, str)}) == 1
    assert sum(isinstance(result, TokenRefused) for result in results) == 12
    assert sorted(rows()) == [("opened", "")] + [("refused", "other_node")] * 12 + [("repeated", "")] * 11


@pytest.mark.django_db(transaction=True)
def test_of_many_redemptions_at_once_one_opens_the_session(
    node: NodeInHand, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("groups.delivery.tokens.REPEAT_WINDOW", timedelta(0))
    results = at_once(*[lambda: redeem(given["token"], str(node.row.pk), None).bearer] * 30)
    assert sum(isinstance(result, str) for result in results) == 1
    assert sum(isinstance(result, TokenRefused) for result in results) == 29
    assert sorted(rows()) == [("opened", "")] + [("refused", "replayed")] * 29
