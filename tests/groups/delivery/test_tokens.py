"""Minting and redeeming: once, by the right node, and recorded."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.core.cache import caches
from django.db.models import F
from django.test import Client
from django.utils import timezone

from groups.actions.lifecycle import stop
from groups.delivery import ledger
from groups.delivery.tokens import EndReason, TokenRefused, end, mint, redeem
from groups.models import ContainerGroup, Image, Instance, NodeManifest, NodeToken, Occurrence, Redemption
from registries.foundation.actor import CONSOLE
from tests.support.concurrency import at_once
from tests.support.delivery_setup import NodeInHand, make_group, started


def rows() -> list[tuple[str, str]]:
    return list(Redemption.objects.order_by("pk").values_list("outcome", "reason"))


def age(seconds: int) -> None:
    """As if so much time had passed since the token was redeemed."""
    NodeToken.objects.update(redeemed_at=F("redeemed_at") - timedelta(seconds=seconds))


def test_the_reasons_that_are_recorded() -> None:
    """They are stored, and shown with their words."""
    reasons = ["unknown", "other_node", "other_address", "replayed", "expired", "revoked", "layer_again", "not_listed"]
    assert [reason.value for reason in ledger.Reason] == reasons


def test_a_token_opens_one_session(node: NodeInHand, given: dict[str, Any]) -> None:
    response = node.redeem(given["token"])
    assert response.status_code == 200
    assert response["Cache-Control"] == "private, no-store"
    answer = response.json()
    assert answer["expires_in"] == 6 * 3600
    assert "issued_at" not in answer
    assert answer["token"] == answer["access_token"]
    token = NodeToken.objects.get()
    assert token.redeemed_at is not None
    assert token.session_expires_at == token.redeemed_at + timedelta(hours=6)
    assert abs(token.expires_at - token.issued_at - timedelta(minutes=15)) < timedelta(seconds=20)
    assert token.redeemed_from == "127.0.0.1"
    assert rows() == [("opened", "")]
    assert Redemption.objects.get().presented_by == str(node.row.pk)
    assert Redemption.objects.get().address == "127.0.0.1"


def test_nothing_that_could_be_presented_is_stored(node: NodeInHand, given: dict[str, Any], caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    bearer = node.redeem(given["token"]).json()["token"]
    row = json.dumps(list(NodeToken.objects.values()), default=str) + json.dumps(
        list(Redemption.objects.values()), default=str
    )
    for secret in (given["token"], bearer):
        assert secret not in row
        assert secret[-43:] not in row
        assert secret not in caplog.text
    session = redeem(given["token"], str(node.row.pk), "127.0.0.1")
    assert session.bearer == bearer
    assert bearer not in repr(session)


def test_the_same_node_within_a_minute_gets_the_same_session(node: NodeInHand, given: dict[str, Any]) -> None:
    first = node.redeem(given["token"]).json()
    age(57)
    second = node.redeem(given["token"]).json()
    assert first["token"] == second["token"]
    assert second["expires_in"] == 6 * 3600 - 60, "the session began up to a minute ago"
    assert rows() == [("opened", ""), ("repeated", "")]


def test_the_repeat_stands_in_the_ledger(node: NodeInHand, given: dict[str, Any]) -> None:
    node.redeem(given["token"])
    assert NodeToken.objects.get().repeated_at is None
    node.redeem(given["token"])
    token = NodeToken.objects.get()
    assert token.redeemed_at is not None
    assert token.repeated_at is not None
    assert token.repeated_at >= token.redeemed_at


def test_there_is_one_repeat(node: NodeInHand, given: dict[str, Any]) -> None:
    bearer = node.bearer(given["token"])
    assert [node.redeem(given["token"]).status_code for _ in range(3)] == [200, 401, 401]
    assert rows() == [("opened", ""), ("repeated", ""), ("refused", "replayed"), ("refused", "replayed")]
    assert Occurrence.objects.filter(kind="group.replay_refused").exists()
    assert Client().get("/v2/", headers=bearer).status_code == 200, "its owner's session continues"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("192.0.2.9", "192.0.2.10"),
        ("192.0.2.9", "2001:db8::9"),
        ("2001:db8::9", "2001:db8::a"),
        ("::ffff:192.0.2.9", "::ffff:192.0.2.10"),
        ("192.0.2.9", ""),
        ("", "192.0.2.9"),
    ],
)
def test_from_another_address_it_is_refused_and_noted(
    node: NodeInHand, given: dict[str, Any], first: str, second: str
) -> None:
    Occurrence.objects.all().delete()
    headers = node.basic(given["token"])
    assert Client(REMOTE_ADDR=first).get("/v2/token", headers=headers).status_code == 200
    assert Client(REMOTE_ADDR=second).get("/v2/token", headers=headers).status_code == 401
    assert rows() == [("opened", ""), ("refused", "other_address")]
    assert Redemption.objects.order_by("-pk")[0].address == (second.removeprefix("::ffff:") or None)
    assert Occurrence.objects.filter(kind="group.replay_refused").count() == 1
    assert Client(REMOTE_ADDR=first).get("/v2/token", headers=headers).status_code == 200, "its own repeat is left"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("192.0.2.9", "::ffff:192.0.2.9"),
        ("::ffff:192.0.2.9", "192.0.2.9"),
        ("2001:db8::9", "2001:0DB8:0:0:0:0:0:9"),
        ("", ""),
    ],
)
def test_the_same_address_in_another_spelling(node: NodeInHand, given: dict[str, Any], first: str, second: str) -> None:
    headers = node.basic(given["token"])
    assert Client(REMOTE_ADDR=first).get("/v2/token", headers=headers).status_code == 200
    assert Client(REMOTE_ADDR=second).get("/v2/token", headers=headers).status_code == 200
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
    NodeToken.objects.update(expires_at=timezone.now() + timedelta(seconds=30))
    assert node.redeem(given["token"]).status_code == 200


@pytest.mark.parametrize(
    "how", ["revoked", "group stopped", "instance gone", "on another node", "on no node", "node removed"]
)
def test_a_withdrawn_token_opens_nothing(
    node: NodeInHand, other_node: NodeInHand, given: dict[str, Any], how: str
) -> None:
    token = NodeToken.objects.get()
    match how:
        case "revoked":
            end([token], EndReason.REVOKED)
        case "group stopped":
            stop(ContainerGroup.objects.get(), by=CONSOLE)
        case "instance gone":
            assert token.instance is not None
            token.instance.delete()
        case "on another node":
            Instance.objects.update(node=other_node.row)
        case "on no node":
            Instance.objects.update(node=None)
        case "node removed":
            type(node.row).objects.update(status="removed")
    assert node.redeem(given["token"]).status_code == 401
    assert rows() == [("refused", "revoked")]
    assert NodeToken.objects.get().redeemed_at is None
    # Whoever else presents it is still another node, whatever became of the token.
    assert other_node.redeem(given["token"]).status_code == 401
    assert rows()[-1] == ("refused", "other_node")


def test_a_withdrawn_token_is_withdrawn_alone(
    node: NodeInHand, other_node: NodeInHand, given: dict[str, Any], acme: Any, image: Image
) -> None:
    theirs = started(make_group(acme, image, "web"), other_node)
    Instance.objects.filter(pk=given["instance"]).delete()
    assert node.redeem(given["token"]).status_code == 401
    assert other_node.redeem(theirs["token"]).status_code == 200
    assert end(NodeToken.objects.none(), EndReason.REVOKED) == 0
    assert end(NodeToken.objects.filter(node=node.row), EndReason.REVOKED) == 1
    assert end(NodeToken.objects.filter(node=node.row), EndReason.STOPPED) == 0
    ended = NodeToken.objects.order_by("issued_at").values_list("ended_because", flat=True)
    assert list(ended) == ["revoked", ""]


def test_a_token_is_minted_for_the_instances_own_node(
    node: NodeInHand, other_node: NodeInHand, given: dict[str, Any], image: Image
) -> None:
    instance, token = Instance.objects.get(), NodeToken.objects.get()
    assert (token.organization, token.group, token.image) == (instance.group.organization, instance.group, image)
    assert (token.group_name, token.node, token.node_name) == ("app", node.row, "node-1")
    assert token.manifest_digest == given["image"].partition("@")[2]
    theirs = NodeManifest.objects.create(image=image, node=other_node.row, digest="sha256:0", body=b"{}")
    with pytest.raises(ValueError, match="another node"):
        mint(instance, theirs)
    instance.node = None
    with pytest.raises(ValueError, match="another node"):
        mint(instance, theirs)
    assert NodeToken.objects.count() == 1


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


def test_what_can_be_no_token_is_refused_without_looking_for_it(
    node: NodeInHand, django_assert_num_queries: Any
) -> None:
    for secret in ("", "drt_", "drt_" + "A" * 42, "drt_" + "A" * 44, "dre_" + "A" * 43, "drt_" + "A" * 43 + "\n"):
        with django_assert_num_queries(1), pytest.raises(TokenRefused):  # the ledger's
            redeem(secret, str(node.row.pk), None)


@pytest.mark.parametrize("method", ["post", "put", "delete", "head", "options", "patch"])
def test_only_get_redeems(node: NodeInHand, given: dict[str, Any], method: str) -> None:
    body = {"grant_type": "password", "username": str(node.row.pk), "password": given["token"]}
    send = getattr(Client(), method)
    response = send("/v2/token", body, headers=node.basic(given["token"])) if method == "post" else send("/v2/token")
    assert response.status_code == 405
    assert response["Allow"] == "GET"
    assert rows() == []
    assert node.redeem(given["token"]).status_code == 200


def test_an_address_is_the_peers_whatever_the_headers_say(node: NodeInHand, given: dict[str, Any]) -> None:
    headers = node.basic(given["token"]) | {"X-Forwarded-For": "198.51.100.7", "X-Real-Ip": "198.51.100.7"}
    assert Client(REMOTE_ADDR="192.0.2.9").get("/v2/token", headers=headers).status_code == 200
    assert Client(REMOTE_ADDR="192.0.2.9").get("/v2/token", headers=node.basic(given["token"])).status_code == 200
    assert NodeToken.objects.get().redeemed_from == "192.0.2.9"
    addresses = Redemption.objects.order_by("pk").values_list("outcome", "address")
    assert list(addresses) == [("opened", "192.0.2.9"), ("repeated", "192.0.2.9")]


def test_refusals_do_not_fill_the_table(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty a minute, for each address that presents what is no token, and for each token."""
    token = NodeToken.objects.get()

    def recorded(refused: NodeToken | None, address: str, *, of: int) -> int:
        """How many of these refusals were recorded."""
        before = Redemption.objects.count()
        for _ in range(of):
            ledger.refused(refused, "", address, ledger.Reason.EXPIRED)
        return Redemption.objects.count() - before

    with time_machine.travel(timezone.now(), tick=False) as clock:
        assert recorded(None, "192.0.2.1", of=29) == 29
        assert recorded(None, "192.0.2.1", of=3) == 1
        assert recorded(None, "192.0.2.2", of=1) == 1
        assert recorded(token, "192.0.2.1", of=32) == 30
        assert recorded(token, "192.0.2.2", of=1) == 0
        clock.shift(59)
        assert recorded(None, "192.0.2.1", of=1) == 0
        clock.shift(1)
        assert recorded(None, "192.0.2.1", of=1) == 1
        assert recorded(token, "192.0.2.1", of=1) == 1
        # The minute ends between the two calls of the cache.
        monkeypatch.setattr(caches["node_calls"], "add", lambda *arguments, **options: False)
        assert recorded(None, "192.0.2.3", of=1) == 1


def test_the_group_hears_of_tokens_that_are_presented_again(
    node: NodeInHand, other_node: NodeInHand, given: dict[str, Any]
) -> None:
    def heard() -> int:
        count = Occurrence.objects.filter(kind="group.replay_refused", group=NodeToken.objects.get().group).count()
        Occurrence.objects.all().delete()
        return count

    Occurrence.objects.all().delete()
    NodeToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert node.redeem("drt_" + "A" * 43).status_code == 401
    assert node.redeem(given["token"]).status_code == 401
    assert heard() == 0, "late or unknown, neither of which is a replay"
    assert other_node.redeem(given["token"]).status_code == 401
    assert heard() == 1
    NodeToken.objects.update(expires_at=timezone.now() + timedelta(minutes=1))
    assert node.redeem(given["token"]).status_code == 200
    assert heard() == 0
    age(61)
    assert node.redeem(given["token"]).status_code == 401
    assert heard() == 1
    for _ in range(30):
        ledger.refused(NodeToken.objects.get(), "", None, ledger.Reason.NOT_LISTED)
    assert other_node.redeem(given["token"]).status_code == 401
    assert heard() == 1, "also beyond what the ledger records of this token in a minute"


@pytest.mark.django_db(transaction=True)
def test_of_many_nodes_at_once_the_right_one_opens_one_session(
    node: NodeInHand, other_node: NodeInHand, given: dict[str, Any]
) -> None:
    def present(number: int) -> str:
        return redeem(given["token"], str((node if number % 2 else other_node).row.pk), "192.0.2.1").bearer

    results = at_once(*(partial(present, number) for number in range(24)))
    assert len({result for result in results if isinstance(result, str)}) == 1
    assert sum(isinstance(result, TokenRefused) for result in results) == 22
    refused = [("refused", "other_node")] * 12 + [("refused", "replayed")] * 10
    assert sorted(rows()) == [("opened", ""), *refused, ("repeated", "")]


@pytest.mark.django_db(transaction=True)
def test_of_many_redemptions_at_once_one_opens_the_session(
    node: NodeInHand, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("groups.delivery.tokens.REPEAT_WINDOW", timedelta(0))
    results = at_once(*[lambda: redeem(given["token"], str(node.row.pk), None).bearer] * 30)
    assert sum(isinstance(result, str) for result in results) == 1
    assert sum(isinstance(result, TokenRefused) for result in results) == 29
    assert sorted(rows()) == [("opened", "")] + [("refused", "replayed")] * 29
