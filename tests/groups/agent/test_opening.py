"""The reference node opens what the portal makes, and nothing that was changed on the way."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from joserfc.jwk import ECKey

from groups.actions.lifecycle import start
from groups.agent.opening import Descriptor, decrypt, read_layer_key
from groups.agent.order import Cancelled, Order, PullFailed
from groups.models import ContainerGroup, Image, Instance
from groups.nodes.manifests import prepare
from registries.foundation.actor import CONSOLE
from tests.groups.delivery.conftest import group, image, node, source
from tests.support.delivery_setup import NodeInHand, Source, blob_of, ec_key, private_pem

__all__ = ["group", "image", "node", "source"]


@pytest.fixture
def order(tmp_path: Path) -> Order:
    return Order("h/a/b/c@sha256:" + "0" * 64, "id", "drt_secret", True, tmp_path / "key", lambda *_: None)


@pytest.fixture
def layer(group: ContainerGroup, node: NodeInHand) -> Descriptor:
    """The descriptor of the second layer, from this node's manifest."""
    start(group, by=CONSOLE)
    node.poll()
    manifest = prepare(Instance.objects.get().pk)
    assert manifest is not None
    descriptor: Descriptor = json.loads(bytes(manifest.body))["layers"][1]
    return descriptor


@pytest.fixture
def cipher(image: Image, blobs: Path, tmp_path: Path) -> Path:
    stored = tmp_path / "cipher"
    stored.write_bytes((blobs / blob_of(image, 1).name).read_bytes())
    return stored


def key_of(node: NodeInHand) -> ECKey:
    return ECKey.import_key(node.private_pem)


def change(layer: Descriptor, **options: object) -> Descriptor:
    """The descriptor with other public options."""
    name = "org.opencontainers.image.enc.pubopts"
    public = json.loads(base64.b64decode(layer["annotations"][name])) | options
    changed = base64.b64encode(json.dumps(public).encode()).decode()
    return {**layer, "annotations": layer["annotations"] | {name: changed}}


def test_a_layer_is_opened(
    layer: Descriptor, cipher: Path, node: NodeInHand, source: Source, order: Order, tmp_path: Path
) -> None:
    decrypt(cipher, tmp_path / "plain", read_layer_key(layer, key_of(node)), order)
    assert (tmp_path / "plain").read_bytes() == source.layers[1][1]


def test_a_flipped_bit_is_noticed_before_anything_is_written(
    layer: Descriptor, cipher: Path, node: NodeInHand, order: Order, tmp_path: Path
) -> None:
    raw = bytearray(cipher.read_bytes())
    raw[1000] ^= 1
    cipher.write_bytes(raw)
    with pytest.raises(PullFailed, match="HMAC"):
        decrypt(cipher, tmp_path / "plain", read_layer_key(layer, key_of(node)), order)
    assert not (tmp_path / "plain").exists()


def test_another_nodes_key_opens_nothing(layer: Descriptor) -> None:
    with pytest.raises(PullFailed, match="not for this node"):
        read_layer_key(layer, ECKey.import_key(private_pem(ec_key())))


def test_of_several_wrapped_keys_the_right_one_is_found(
    layer: Descriptor, node: NodeInHand, cipher: Path, order: Order, tmp_path: Path
) -> None:
    name = "org.opencontainers.image.enc.keys.jwe"
    message = json.loads(base64.b64decode(layer["annotations"][name]))
    foreign = base64.b64encode(json.dumps(message | {"tag": "A" * 22}).encode()).decode()
    both: Descriptor = {
        **layer,
        "annotations": layer["annotations"] | {name: f"{foreign},{layer['annotations'][name]}"},
    }
    decrypt(cipher, tmp_path / "plain", read_layer_key(both, key_of(node)), order)


def test_a_public_nonce_is_not_taken(layer: Descriptor, node: NodeInHand) -> None:
    foreign = base64.b64encode(b"\0" * 16).decode()
    changed = change(layer, cipheroptions={"nonce": foreign})
    assert read_layer_key(changed, key_of(node)).nonce == read_layer_key(layer, key_of(node)).nonce


@pytest.mark.parametrize("options", [{"cipher": "ROT13"}, {"hmac": "AAAA"}, {"hmac": "?"}, {"hmac": None}])
def test_options_that_make_no_sense(layer: Descriptor, node: NodeInHand, options: dict[str, object]) -> None:
    with pytest.raises(PullFailed):
        read_layer_key(change(layer, **options), key_of(node))


def test_annotations_that_are_missing(layer: Descriptor, node: NodeInHand) -> None:
    for odd in ({}, None, {"org.opencontainers.image.enc.pubopts": "bm9uc2Vuc2U="}):
        with pytest.raises(PullFailed):
            read_layer_key(cast("Descriptor", {**layer, "annotations": odd}), key_of(node))


def test_what_is_cancelled_stops(
    layer: Descriptor, cipher: Path, node: NodeInHand, order: Order, tmp_path: Path
) -> None:
    order.cancelled.set()
    with pytest.raises(Cancelled):
        decrypt(cipher, tmp_path / "plain", read_layer_key(layer, key_of(node)), order)


@pytest.mark.parametrize("name", ["", "h/a", "h/a:tag", "h/../a@sha256:" + "0" * 64, "h/a@sha256:" + "0" * 63, "-h"])
def test_names_of_images_that_are_none(order: Order, name: str) -> None:
    with pytest.raises(PullFailed):
        _ = replace(order, image=name).parts


def test_an_order_does_not_show_its_token(order: Order) -> None:
    assert "drt_secret" not in repr(order)
