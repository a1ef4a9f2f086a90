"""The delivery ledger as members and viewers have it."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from groups.models import ContainerGroup, LayerDelivery, NodeToken, Redemption
from groups.queries import delivery_ledger
from tests.groups.delivery.conftest import _no_calls_before, given, group, image, node, other_node, source
from tests.support.activity import recorded, recorded_targets
from tests.support.delivery_setup import NodeInHand
from tests.support.node_reports import listed

__all__ = ["_no_calls_before", "given", "group", "image", "node", "other_node", "source"]
GROUP = "/o/acme/default/groups/app/"


def page(client: Client, address: str = f"{GROUP}ledger/") -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def exported(client: Client) -> list[dict[str, str]]:
    response: Any = client.get(f"{GROUP}ledger.csv")
    assert response["Content-Disposition"] == 'attachment; filename="app-deliveries.csv"'
    return list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))


def make_tokens(group: ContainerGroup, count: int, **fields: Any) -> list[NodeToken]:
    made = [
        NodeToken(
            token_hash=f"hash-{number}-{timezone.now().timestamp()}",
            organization=group.organization,
            group=group,
            group_name=group.name,
            **{"node_name": f"node-{number}", "manifest_digest": "sha256:x", "expires_at": timezone.now()} | fields,
        )
        for number in range(count)
    ]
    return NodeToken.objects.bulk_create(made)


def test_it_shows_a_delivery_from_its_issue_to_its_end(
    viewer: Client, given: dict[str, Any], node: NodeInHand, other_node: NodeInHand, group: ContainerGroup
) -> None:
    assert "Not yet" in page(viewer)
    bearer = node.bearer(given["token"])
    node.client.get(f"/v2/acme/default/app/manifests/{given['image'].partition('@')[2]}", headers=bearer)
    LayerDelivery.objects.create(token=NodeToken.objects.get(), digest="sha256:1", sent_bytes=2_000_000, sent_whole=1)
    LayerDelivery.objects.create(token=NodeToken.objects.get(), digest="sha256:2", sent_bytes=1_000_000, grants=2)
    for _ in range(7):
        other_node.redeem(given["token"])
    node.poll(listed(given, "creating"))

    text = page(viewer)

    assert "node-1" in text
    assert "from 127.0.0.1" in text
    assert "3 MB" in text
    assert "handed over 2 times" in text
    assert "Delivered" in text
    assert text.count("another node presented this token") == delivery_ledger.MAX_REFUSALS
    assert "and 2 more refused" in text
    for shown in (text, page(viewer, GROUP)):
        assert "Another node presented this token, 7 times." in shown
    assert "Revoke<" not in text
    (row,) = exported(viewer)
    assert (row["node"], row["redeemed_from"], row["bytes_sent"]) == ("node-1", "127.0.0.1", "3000000")
    assert (row["layers_sent_whole"], row["handed_to_store"], row["refused"]) == ("1", "2", "7")
    assert row["ended_because"] == "delivered"
    assert all(row[name] for name in ("issued_at", "redeemed_at", "manifest_sent_at", "ended_at"))


def test_what_is_usual_raises_nothing(viewer: Client, given: dict[str, Any], node: NodeInHand) -> None:
    token = NodeToken.objects.get()
    for reason in ("expired", "revoked"):
        Redemption.objects.create(token=token, outcome="refused", reason=reason)
    assert 'id="unusual"' not in page(viewer, GROUP)


@pytest.mark.parametrize("name", ["=cmd()", "+1", "-1", "@x", "\tx"])
def test_what_a_spreadsheet_would_run_is_defused(viewer: Client, group: ContainerGroup, name: str) -> None:
    make_tokens(group, 1, node_name=name)
    (row,) = exported(viewer)
    assert row["node"] == f"'{name}"


def test_a_number_of_queries_that_does_not_grow(viewer: Client, group: ContainerGroup) -> None:
    def queries(address: str) -> int:
        with CaptureQueriesContext(connection) as asked:
            page(viewer, address)
        return len(asked)

    addresses = (GROUP, f"{GROUP}ledger/", f"{GROUP}ledger/?page=2")
    make_tokens(group, 60)
    for token in NodeToken.objects.all():
        Redemption.objects.create(token=token, outcome="refused", reason="replayed")
    page(viewer)  # what is cached in the process is asked for now, not below
    few = [queries(address) for address in addresses]
    for token in make_tokens(group, 90):
        Redemption.objects.create(token=token, outcome="refused", reason="replayed")
    assert [queries(address) for address in addresses] == few
    assert "Page 2 of 3" in page(viewer, f"{GROUP}ledger/?page=2")
    assert "Page 3 of 3" in page(viewer, f"{GROUP}ledger/?page=99")


def test_a_member_revokes_from_the_page(
    member: Client, viewer: Client, given: dict[str, Any], node: NodeInHand
) -> None:
    bearer = node.bearer(given["token"])
    address = f"{GROUP}ledger/{NodeToken.objects.get().pk}/revoke/"
    assert address in page(member)
    assert address not in page(viewer)
    assert viewer.post(address).status_code == 403
    assert "is revoked" in member.post(address, follow=True).content.decode()
    assert NodeToken.objects.get().ended_because == "revoked"
    assert node.client.get("/v2/", headers=bearer).status_code == 401
    assert "was over already" in member.post(address, follow=True).content.decode()
    assert [row[3] for row in recorded(action="group.changed")] == ["token of node-1 revoked"]
    group_id = str(NodeToken.objects.get().group_id)
    assert [row[2:4] for row in recorded_targets(action="group.changed")] == [("group", group_id)]
