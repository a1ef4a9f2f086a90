"""How many layers one session and one node are sent at once."""

from __future__ import annotations

import gc
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from groups.delivery import blob_responses, slots
from groups.delivery.slots import (
    MAX_DOCUMENTS_PER_NODE,
    MAX_DOCUMENTS_PER_SESSION,
    MAX_PER_NODE,
    MAX_PER_SESSION,
    TooManyTransfers,
)
from groups.models import LayerDelivery, NodeToken
from registries.foundation.ids import NodeId
from tests.support.delivery_requests import NAME, body, cut


@pytest.fixture(autouse=True)
def _free() -> Iterator[None]:
    gc.collect()  # transfers of other tests that nobody closed
    slots._taken.clear()
    yield
    slots._taken.clear()


def session_hash() -> str:
    return uuid.uuid4().hex


def test_a_session_and_a_node_have_so_many() -> None:
    node, other = NodeId(uuid.uuid4()), NodeId(uuid.uuid4())
    first, second = session_hash(), session_hash()
    held = [slots.take(first, node) for _ in range(MAX_PER_SESSION)]
    with pytest.raises(TooManyTransfers, match="this session is sent 6 layers"):
        slots.take(first, node)
    for _ in range(MAX_PER_NODE - MAX_PER_SESSION):
        slots.take(second, node)
    with pytest.raises(TooManyTransfers, match="this node is sent 12 layers"):
        slots.take(session_hash(), node)
    slots.take(session_hash(), other)

    for _ in range(2):
        held[0].release()
    slots.take(first, node)
    with pytest.raises(TooManyTransfers):
        slots.take(first, node)


def test_a_node_that_is_deleted_leaves_nothing() -> None:
    slots.take(session_hash(), None).release()
    assert not slots._taken


def test_a_session_with_enough_transfers_is_told_to_wait(
    client: Client, bearer: dict[str, str], layers: list[str], django_assert_num_queries: object
) -> None:
    session = NodeToken.objects.get()
    held = [slots.take(session.session_hash or "", session.node_id) for _ in range(MAX_PER_SESSION)]
    address = f"{NAME}/blobs/{layers[0]}"
    with django_assert_num_queries(0):  # type: ignore[operator]
        refused = client.get(address, headers=bearer)
    assert (refused.status_code, refused["Retry-After"]) == (429, "5")
    assert refused.json()["errors"][0]["code"] == "TOOMANYREQUESTS"
    assert client.head(address, headers=bearer).status_code == 200
    held[0].release()
    assert body(client.get(address, headers=bearer))
    assert client.get(address, headers=bearer).status_code == 403, "it was sent whole"


def test_a_node_with_enough_transfers_is_told_to_wait(
    client: Client, bearer: dict[str, str], layers: list[str]
) -> None:
    session = NodeToken.objects.get()
    for _ in range(MAX_PER_NODE // MAX_PER_SESSION):
        other = session_hash()
        for _ in range(MAX_PER_SESSION):
            slots.take(other, session.node_id)
    assert client.get(f"{NAME}/blobs/{layers[0]}", headers=bearer).status_code == 429
    assert not LayerDelivery.objects.exists(), "nothing is counted"


@pytest.fixture
def documents(monkeypatch: pytest.MonkeyPatch) -> NodeToken:
    """The session; its manifest and config count as large."""
    monkeypatch.setattr(blob_responses, "MIN_COUNTED_BYTES", 1)
    return NodeToken.objects.select_related("image").get()


def addresses(session: NodeToken) -> list[str]:
    """Of the manifest and of the config."""
    assert session.image is not None
    return [f"{NAME}/manifests/{session.manifest_digest}", f"{NAME}/blobs/{session.image.config_digest}"]


def test_large_documents_are_counted_and_freed_when_sent(
    client: Client, bearer: dict[str, str], documents: NodeToken
) -> None:
    for address in addresses(documents):
        responses = [client.get(address, headers=bearer) for _ in range(MAX_DOCUMENTS_PER_SESSION + 1)]
        assert [response.status_code for response in responses] == [200] * MAX_DOCUMENTS_PER_SESSION + [429]
        assert responses[-1]["Retry-After"] == "5"
        assert client.head(address, headers=bearer).status_code == 200
        contents = {body(response) for response in responses[:-1]}
        assert len(contents) == 1
        assert all(contents)
        assert not slots._taken


def test_a_document_that_is_cut_or_dropped_frees_its_slot(
    client: Client, bearer: dict[str, str], documents: NodeToken
) -> None:
    for address in addresses(documents):
        cut(client.get(address, headers=bearer))
        assert not slots._taken
        dropped = client.get(address, headers=bearer)
        assert slots._taken
        del dropped
        gc.collect()
        assert not slots._taken


def test_documents_and_layers_of_a_node_are_counted_apart() -> None:
    node = NodeId(uuid.uuid4())
    for _ in range(MAX_DOCUMENTS_PER_NODE):
        slots.take_for_document(session_hash(), node)
    with pytest.raises(TooManyTransfers, match="node is sent 6 documents"):
        slots.take_for_document(session_hash(), node)
    slots.take(session_hash(), node)


def test_small_documents_are_not_counted(client: Client, bearer: dict[str, str]) -> None:
    for address in addresses(NodeToken.objects.select_related("image").get()):
        assert all(client.get(address, headers=bearer).content for _ in range(MAX_DOCUMENTS_PER_SESSION + 1))
    assert not slots._taken


@pytest.mark.parametrize("how", ["whole", "cut", "refused", "lost", "forgotten"])
def test_a_slot_is_free_again_however_the_transfer_ends(
    client: Client, bearer: dict[str, str], layers: list[str], blobs: Path, how: str
) -> None:
    address = f"{NAME}/blobs/{layers[1]}"
    match how:
        case "whole":
            body(client.get(address, headers=bearer))
        case "cut":
            cut(client.get(address, headers=bearer))
        case "refused":
            body(client.get(address, headers=bearer))
            assert client.get(address, headers=bearer).status_code == 403
        case "lost":
            for blob in blobs.rglob("*"):
                if blob.is_file():
                    blob.unlink()
            assert client.get(address, headers=bearer).status_code == 503
        case "forgotten":
            session = NodeToken.objects.get()
            from groups.delivery.ranges import Span
            from groups.delivery.sending import Body, begin

            span = Span(0, 9, 10, is_part=False)
            with (blobs / "file").open("wb+", buffering=0) as file:
                delivery = begin(session.pk, "sha256:x", span, 1)
                Body(file, delivery, span, 1, slots.take(session.session_hash or "", session.node_id))
                gc.collect()
    assert not slots._taken
