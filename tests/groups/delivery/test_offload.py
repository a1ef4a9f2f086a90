"""Layers that nginx or the object store sends: counted, and only for an open session."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from groups.models import Image, LayerDelivery
from tests.support.delivery_requests import NAME, body, over, refusals
from tests.support.delivery_setup import NodeInHand, Source, blob_of, make_group, started


@pytest.fixture(params=["accel", "redirect"])
def how(request: pytest.FixtureRequest, bearer: Any, settings: Any) -> str:
    """Who sends: nginx from the files, or an object store."""
    settings.PORTAL_DELIVERY = request.param
    settings.PORTAL_ACCEL_PREFIX = "/-/layers/"
    if request.param == "redirect":
        memory = {
            "BACKEND": "tests.groups.storage.test_store.Memory",
            "OPTIONS": {"base_url": "https://store.example/"},
        }
        settings.STORAGES = settings.STORAGES | {"blobs": memory}
    return str(request.param)


def test_a_layer_is_offloaded_five_times(
    client: Client, how: str, bearer: dict[str, str], layers: list[str], image: Image, source: Source, manifest: Any
) -> None:
    address = f"{NAME}/blobs/{layers[0]}"
    head = client.head(address, headers=bearer)
    assert (head.status_code, head["Content-Length"]) == (200, str(len(source.layers[0][1])))
    assert not LayerDelivery.objects.exists()

    name = blob_of(image, 0).name
    for count in range(1, 6):
        response = client.get(address, headers=bearer)
        assert LayerDelivery.objects.get().grants == count
        assert response.content == b""
        assert response["Cache-Control"] == "private, no-store"
        if how == "accel":
            assert (response.status_code, response["X-Accel-Redirect"]) == (200, f"/-/layers/{name}")
            assert response["Content-Type"] == "application/octet-stream"
        else:
            assert (response.status_code, response["Location"]) == (307, f"https://store.example/{name}")
    again = client.get(address, headers=bearer)
    assert (again.status_code, again.json()["errors"][0]["code"]) == (403, "DENIED")
    assert not {"X-Accel-Redirect", "Location"} & again.headers.keys()
    assert refusals() == ["layer_again"]
    row = LayerDelivery.objects.get()
    assert (row.grants, row.sent_bytes, row.sent_whole) == (5, 0, 0)

    # The others are counted by themselves, and the config is not in the store.
    assert client.get(f"{NAME}/blobs/{layers[1]}", headers=bearer).status_code in (200, 307)
    config = client.get(f"{NAME}/blobs/{manifest.json()['config']['digest']}", headers=bearer)
    assert body(config) == source.config


def test_one_that_is_listed_twice_is_offloaded_twice_as_often(
    client: Client, how: str, bearer: dict[str, str], layers: list[str], image: Image
) -> None:
    image.layers.filter(position=2).update(blob=image.layers.get(position=0).blob)
    statuses = [client.get(f"{NAME}/blobs/{layers[0]}", headers=bearer).status_code for _ in range(11)]
    assert [status == 403 for status in statuses] == [False] * 10 + [True]


def test_each_session_and_layer_is_counted_by_itself_and_noted(
    client: Client, acme: Any, how: str, bearer: dict[str, str], layers: list[str], image: Image, other_node: NodeInHand
) -> None:
    theirs = other_node.bearer(started(make_group(acme, image, "web"), other_node)["token"])
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    for address, headers in (
        (f"{NAME}/blobs/{layers[0]}", bearer),
        (f"{NAME}/blobs/{layers[1]}", bearer),
        (f"/v2/acme/default/web/blobs/{layers[0]}", theirs),
    ):
        before = set(LayerDelivery.objects.values_list("pk", "grants", "last_at"))
        assert client.get(address, headers=headers).status_code in (200, 307)
        ((_, grants, last_at),) = set(LayerDelivery.objects.values_list("pk", "grants", "last_at")) - before
        assert (grants, last_at > long_ago) == (1, True)
        LayerDelivery.objects.update(last_at=long_ago)
    client.get(f"{NAME}/blobs/{layers[0]}", headers=bearer)
    assert LayerDelivery.objects.get(grants=2).last_at > long_ago
    assert LayerDelivery.objects.count() == 3


def test_nothing_is_offloaded_for_a_session_that_is_over(
    client: Client, how: str, bearer: dict[str, str], layers: list[str]
) -> None:
    missing = client.get(f"{NAME}/blobs/sha256:{'0' * 64}", headers=bearer)
    other = client.get(f"/v2/umbrella/default/app/blobs/{layers[0]}", headers=bearer)
    assert (missing.status_code, other.status_code) == (404, 404)
    over("ended")
    response = client.get(f"{NAME}/blobs/{layers[0]}", headers=bearer)
    assert response.status_code == 401
    assert not {"X-Accel-Redirect", "Location"} & response.headers.keys()
    assert not LayerDelivery.objects.exists()
