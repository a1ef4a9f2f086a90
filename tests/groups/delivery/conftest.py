"""A ready image of three layers, a group of it, and two nodes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import caches
from django.test import Client

# Imported where they are needed: Django is not set up yet when this file is read.
if TYPE_CHECKING:
    from tests.support.delivery_setup import NodeInHand, Source


@pytest.fixture(autouse=True)
def _no_calls_before() -> None:
    caches["node_calls"].clear()


@pytest.fixture(scope="session")
def source() -> Source:
    from tests.support.delivery_setup import make_source

    return make_source(b"one " * 1000, os.urandom(300_000), b"three")


@pytest.fixture
def image(acme: Any, blobs: Path, source: Source) -> Any:
    from tests.support.delivery_setup import store_image

    return store_image(acme, source)


@pytest.fixture
def group(acme: Any, image: Any) -> Any:
    from tests.support.delivery_setup import make_group

    return make_group(acme, image)


@pytest.fixture
def node(db: None) -> NodeInHand:
    from tests.support.delivery_setup import make_node

    return make_node("node-1")


@pytest.fixture
def other_node(db: None) -> NodeInHand:
    from tests.support.delivery_setup import make_node

    return make_node("node-2")


@pytest.fixture
def given(group: Any, node: NodeInHand) -> dict[str, Any]:
    """What the node was assigned: instance, image, token."""
    from tests.support.delivery_setup import started

    return started(group, node)


@pytest.fixture
def bearer(node: NodeInHand, given: dict[str, Any]) -> dict[str, str]:
    return node.bearer(given["token"])


@pytest.fixture
def manifest(client: Client, given: dict[str, Any], bearer: dict[str, str]) -> Any:
    return client.get(f"/v2/acme/default/app/manifests/{given['image'].partition('@')[2]}", headers=bearer)


@pytest.fixture
def layers(manifest: Any) -> list[str]:
    """Digests of the ciphertexts."""
    return [layer["digest"] for layer in manifest.json()["layers"]]
