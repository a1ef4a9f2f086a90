"""The ledger of one group, beside another: sums, refusals in words, and what is unusual for a day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from groups.models import ContainerGroup, Node, NodeToken, Redemption
from groups.queries.delivery_ledger import (
    Refused,
    Unusual,
    deliveries,
    ledger_csv,
    ledger_page,
    newest_deliveries,
    refusals_by_token,
    tokens_of,
    unusual_refusals,
)
from tests.support.group_progress import make_token
from tests.support.pulls import make_group

pytestmark = pytest.mark.usefixtures("no_redis")
IMAGE = "registry.example.com/team/app:1"


@pytest.fixture
def node() -> Node:
    return Node.objects.create(name="node-7", public_key="k")


@pytest.fixture
def group(project: Any) -> ContainerGroup:
    return make_group(project, IMAGE)


@pytest.fixture
def other(project: Any, node: Node) -> ContainerGroup:
    """Another group with a delivery and refusals of its own."""
    other = make_group(project, IMAGE, name="other")
    token = make_token(other, node, number=900)
    token.layer_deliveries.create(digest="sha256:0", sent_bytes=999, sent_whole=9, grants=9)
    for _ in range(9):
        refuse(token, "replayed")
    return other


def refuse(token: NodeToken | None, reason: str, *, outcome: str = "refused", **age: float) -> Redemption:
    row = Redemption.objects.create(token=token, outcome=outcome, reason=reason, address="192.0.2.7")
    row.created_at = timezone.now() - timedelta(**age)
    row.save()
    return row


def test_sums_are_of_each_token(group: ContainerGroup, other: ContainerGroup, node: Node) -> None:
    first, second, untouched = (make_token(group, node, number=number) for number in range(3))
    first.layer_deliveries.create(digest="sha256:1", sent_bytes=10, sent_whole=1, grants=2)
    first.layer_deliveries.create(digest="sha256:2", sent_bytes=5, sent_whole=2, grants=3)
    second.layer_deliveries.create(digest="sha256:1", sent_bytes=7)
    refuse(first, "replayed")
    refuse(first, "expired")
    refuse(first, "", outcome="redeemed")
    refuse(None, "unknown")

    rows = {row.pk: (row.sent, row.whole, row.grants, row.refused) for row in tokens_of(group)}

    assert rows == {first.pk: (15, 3, 5, 2), second.pk: (7, 0, 0, 0), untouched.pk: (0, 0, 0, 0)}
    assert [row.pk for row in tokens_of(group)] == [untouched.pk, second.pk, first.pk]


def test_refusals_are_said_in_words_and_the_newest_five_are_listed(
    group: ContainerGroup, other: ContainerGroup, node: Node
) -> None:
    token = make_token(group, node)
    reasons = ("unknown", "other_node", "replayed", "expired", "revoked", "layer_again", "not_listed", "something else",
               "other_address")  # fmt: skip
    rows = [refuse(token, reason, seconds=number) for number, reason in enumerate(reasons)]
    refuse(token, "replayed", outcome="redeemed")

    (delivery,) = deliveries(tokens_of(group))

    assert (delivery.token, delivery.more_refused) == (token, 4)
    words = [
        "an unknown token was presented",
        "another node presented this token",
        "the token had been used before",
        "the token had expired",
        "the token had been withdrawn",
    ]
    assert delivery.refusals == [
        Refused(row.created_at, text, "192.0.2.7") for row, text in zip(rows, words, strict=False)
    ]
    assert [row.reason for row in refusals_by_token(tokens_of(group), limit=2)[token.pk]] == ["unknown", "other_node"]
    Redemption.objects.filter(pk__in=[row.pk for row in rows[:5]]).delete()
    (delivery,) = deliveries(tokens_of(group))
    assert [refused.words for refused in delivery.refusals] == [
        "a layer was asked for again", "something outside of this image was asked for", "refused",
        "the token had been used, and was presented again from another address",
    ]  # fmt: skip


def test_what_is_unusual_is_said_for_a_day(group: ContainerGroup, other: ContainerGroup, node: Node) -> None:
    token = make_token(group, node)
    day = 24 * 3600
    for reason, count in (("other_node", 1), ("replayed", 4), ("layer_again", 2), ("not_listed", 3)):
        for _ in range(count):
            refuse(token, reason, seconds=day - 60)
        refuse(token, reason, seconds=day + 1)
        refuse(token, reason, outcome="redeemed")
    for usual in ("unknown", "expired", "revoked"):
        refuse(token, usual)

    assert unusual_refusals(group) == [
        Unusual("the token had been used before", 4),
        Unusual("something outside of this image was asked for", 3),
        Unusual("a layer was asked for again", 2),
        Unusual("another node presented this token", 1),
    ]


def test_pages_of_fifty_and_twenty_beside_the_group(group: ContainerGroup, other: ContainerGroup, node: Node) -> None:
    NodeToken.objects.bulk_create(
        NodeToken(
            token_hash=f"{number:064x}", organization=group.organization, group=group, group_name="app",
            node=node, node_name="node-7", manifest_digest="sha256:0", expires_at=timezone.now(),
        )
        for number in range(51)
    )  # fmt: skip

    assert [len(ledger_page(group, number).object_list) for number in ("1", "2")] == [50, 1]
    assert len(newest_deliveries(group)) == 20
    assert {delivery.token.group_id for delivery in newest_deliveries(group)} == {group.pk}
    assert len(list(ledger_csv(group))) == 52


def test_a_line_of_the_csv_has_everything_in_its_column(
    group: ContainerGroup, other: ContainerGroup, node: Node
) -> None:
    token = make_token(group, node)
    token.layer_deliveries.create(digest="sha256:1", sent_bytes=10, sent_whole=1, grants=2)
    refuse(token, "replayed")
    moments = {
        name: f"2026-01-02T03:04:0{second}+00:00"
        for second, name in enumerate(
            ("issued_at", "expires_at", "redeemed_at", "repeated_at", "manifest_sent_at", "ended_at")
        )
    }
    NodeToken.objects.filter(pk=token.pk).update(**moments, redeemed_from="192.0.2.1", ended_because="delivered")

    head, line = ledger_csv(group)

    assert head.strip() == (
        "token,node,node_id,issued_at,expires_at,redeemed_at,redeemed_from,repeated_at,manifest_sent_at,bytes_sent,"
        "layers_sent_whole,handed_to_store,ended_at,ended_because,refused"
    )
    assert line.strip().split(",") == [
        str(token.pk), "node-7", str(node.pk), moments["issued_at"], moments["expires_at"], moments["redeemed_at"],
        "192.0.2.1", moments["repeated_at"], moments["manifest_sent_at"], "10", "1", "2",
        moments["ended_at"], "delivered", "1",
    ]  # fmt: skip
