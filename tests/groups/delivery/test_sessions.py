"""What a bearer opens: its own session, with this portal's key, for as long as the session is open."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from groups.delivery.sessions import bearer_of
from groups.delivery.tokens import EndReason, end
from groups.models import Instance, LayerDelivery, NodeManifest, NodeToken, Redemption
from portal.models import Organization
from registries.secrets import keyring, one_time
from registries.secrets.one_time import Purpose
from tests.support.delivery_requests import NAME, body, refusals
from tests.support.delivery_setup import NodeInHand, blob_of, make_group, make_source, started, store_image


@pytest.fixture
def theirs(mallory: Any, blobs: Any, other_node: NodeInHand) -> tuple[NodeToken, dict[str, str], str]:
    """Umbrella's session, on another node, with an image of its own: the token's row, the bearer, a layer's digest."""
    umbrella = Organization.objects.get(slug="umbrella")
    image = store_image(umbrella, make_source(b"theirs"))
    bearer = other_node.bearer(started(make_group(umbrella, image), other_node)["token"])
    return NodeToken.objects.get(organization=umbrella), bearer, blob_of(image, 0).cipher_digest


def status(bearer: dict[str, str], address: str = "/v2/") -> int:
    return Client().get(address, headers=bearer).status_code


def test_a_bearer_takes_the_token_and_this_portals_key(
    monkeypatch: pytest.MonkeyPatch, bearer: dict[str, str], given: dict[str, Any]
) -> None:
    presented = bearer["Authorization"].removeprefix("Bearer ")
    assert bearer_of(given["token"]) == presented
    row = json.dumps(list(NodeToken.objects.values()), default=str)
    assert not {presented, presented[4:], given["token"]} & set(re.findall(r"[\w-]+", row))
    for value in NodeToken.objects.values_list("session_hash", "token_hash", "id").get():
        for guess in (str(value), bearer_of(str(value)), f"drs_{value}", f"drs_{str(value)[:43]}"):
            assert status({"Authorization": f"Bearer {guess}"}) == 401
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(keyring, "data_key", lambda: bytes(range(32)))
        # Computed with another program. A token presented again has to give the same bearer in the next release.
        assert bearer_of("drt_" + "A" * 43) == "drs_VKYchCBgaYq0a86L7UthAJTM8DDllnAhfGI0Kec8BVs"
        assert status(bearer) == 401, "its digest has this portal's key as well"
    assert status(bearer) == 200


def test_a_bearer_of_the_release_before(bearer: dict[str, str]) -> None:
    """It had the token's id in front; the upgrade stores its digest."""
    token = NodeToken.objects.get()
    before = f"drs_{token.pk.hex}_{'A' * 43}"
    assert status({"Authorization": f"Bearer {before}"}) == 401
    NodeToken.objects.update(session_hash=one_time.digest_of(before, Purpose.NODE_SESSION))
    assert status({"Authorization": f"Bearer {before}"}) == 200
    assert status(bearer) == 401


def test_a_session_opens_its_own_image_only(
    bearer: dict[str, str], layers: list[str], theirs: tuple[NodeToken, dict[str, str], str]
) -> None:
    """Beside another organization's on another node."""
    token, their_bearer, their_layer = theirs
    own_manifest = NodeToken.objects.exclude(pk=token.pk).get().manifest_digest
    for headers, name, manifest, layer in (
        (bearer, NAME, token.manifest_digest, their_layer),
        (bearer, "/v2/umbrella/default/app", token.manifest_digest, their_layer),
        (their_bearer, "/v2/umbrella/default/app", own_manifest, layers[0]),
        (their_bearer, NAME, own_manifest, layers[0]),
    ):
        assert status(headers, f"{name}/manifests/{manifest}") == 404
        assert status(headers, f"{name}/blobs/{layer}") == 404
    assert refusals() == ["not_listed"] * 8
    by = {str(key) for key in NodeToken.objects.values_list("node", flat=True)}
    assert set(Redemption.objects.filter(outcome="refused").values_list("presented_by", flat=True)) == by
    assert not LayerDelivery.objects.exists()
    assert status(their_bearer, f"/v2/umbrella/default/app/manifests/{token.manifest_digest}") == 200


def test_a_manifest_is_that_of_the_sessions_node_and_image(
    bearer: dict[str, str], manifest: Any, other_node: NodeInHand, theirs: tuple[NodeToken, dict[str, str], str]
) -> None:
    row, foreign = NodeManifest.objects.get(digest=manifest["Docker-Content-Digest"]), theirs[0].image
    assert foreign is not None
    address = f"{NAME}/manifests/{row.digest}"
    NodeManifest.objects.create(pk=0, image=row.image, node=other_node.row, digest=row.digest, body=b"another node's")
    NodeManifest.objects.create(pk=-1, image=foreign, node=row.node, digest=row.digest, body=b"another image's")
    assert Client().get(address, headers=bearer).content == manifest.content
    # Made again with other keys: the session is of the manifest that its token was minted for.
    NodeManifest.objects.filter(pk=row.pk).update(digest="sha256:" + "a" * 64)
    assert status(bearer, address) == 404
    assert status(bearer, f"{NAME}/manifests/sha256:{'a' * 64}") == 404


def test_the_first_time_that_a_manifest_is_sent_is_noted(bearer: dict[str, str], given: dict[str, Any]) -> None:
    address = f"{NAME}/manifests/{given['image'].partition('@')[2]}"
    Client().head(address, headers=bearer)
    assert NodeToken.objects.get().manifest_sent_at is None
    assert status(bearer, address) == 200
    first = NodeToken.objects.get().manifest_sent_at
    assert first is not None
    assert status(bearer, address) == 200
    assert NodeToken.objects.get().manifest_sent_at == first


CLOSED: list[tuple[dict[str, Any], str]] = [
    ({"session_expires_at": timedelta(seconds=-1)}, "expired"),
    ({"redeemed_at": None}, "expired"),
    ({"image": None}, "expired"),
    ({"ended_at": timedelta(), "ended_because": "revoked"}, "revoked"),
    ({"ended_at": timedelta(), "ended_because": "delivered"}, "replayed"),
]
"""Changes to a token's row, each of which closes its session, and what the ledger says then."""


def test_each_condition_alone_closes_a_session_and_no_other(
    bearer: dict[str, str], theirs: tuple[NodeToken, dict[str, str], str]
) -> None:
    NodeToken.objects.update(session_expires_at=timezone.now() + timedelta(seconds=30))
    for changes, reason in CLOSED:
        with transaction.atomic():
            now = timezone.now()
            values = {name: now + new if isinstance(new, timedelta) else new for name, new in changes.items()}
            NodeToken.objects.exclude(pk=theirs[0].pk).update(**values)
            assert status(bearer) == 401, changes
            assert refusals() == [reason], changes
            assert status(theirs[1]) == 200
            transaction.set_rollback(True)
        assert status(bearer) == 200


def test_a_session_is_over_when_its_instance_is_elsewhere(
    bearer: dict[str, str],
    layers: list[str],
    theirs: tuple[NodeToken, dict[str, str], str],
    node: NodeInHand,
    other_node: NodeInHand,
) -> None:
    under_way = Client().get(f"{NAME}/blobs/{layers[0]}", headers=bearer)
    own = Instance.objects.get(node=node.row).pk
    for place in (other_node.row, None):
        Instance.objects.filter(pk=own).update(node=place)
        assert status(bearer) == 401
    with pytest.raises(ConnectionResetError):
        body(under_way)
    assert status(theirs[1]) == 200
    token = NodeToken.objects.exclude(pk=theirs[0].pk).get()
    assert end([token], EndReason.STOPPED) == 1
    assert end([token], EndReason.REVOKED) == 0
    assert NodeToken.objects.get(pk=token.pk).ended_because == "stopped", "the first reason stays"
    assert status(theirs[1]) == 200


def test_a_token_that_was_not_redeemed_has_no_session(given: dict[str, Any]) -> None:
    NodeToken.objects.update(session_expires_at=timezone.now() + timedelta(hours=1))
    headers = {"Authorization": f"Bearer {bearer_of(given['token'])}"}
    assert status(headers) == 401
    NodeToken.objects.update(session_hash=one_time.digest_of(bearer_of(given["token"]), Purpose.NODE_SESSION))
    assert status(headers) == 401
