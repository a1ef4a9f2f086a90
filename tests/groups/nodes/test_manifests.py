"""The manifest for one node, opened with that node's key and with no other."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from groups.actions.lifecycle import start, stop
from groups.models import Blob, Image, Instance, Node, NodeManifest
from groups.nodes import manifests
from groups.nodes.manifests import prepare
from groups.storage import store
from registries.foundation.actor import CONSOLE
from registries.foundation.ids import InstanceId
from registries.secrets import keyring
from tests.support.delivery_setup import (
    NodeInHand,
    Source,
    digest_of,
    make_group,
    make_node,
    make_source,
    rsa_key,
    store_image,
)


def taken(group: Any, node: NodeInHand) -> Instance:
    """The group's instance, which the node took."""
    start(group, by=CONSOLE)
    node.poll()
    return Instance.objects.get(node=node.row)


def open_keys(annotation: str, node: NodeInHand) -> dict[str, Any]:
    message = json.loads(base64.b64decode(annotation, validate=True))
    assert "recipients" not in message, "flattened, not general"
    is_ec = isinstance(load_pem_public_key(node.row.public_key.encode()), EllipticCurvePublicKey)
    key = (ECKey if is_ec else RSAKey).import_key(node.private_pem)
    algorithm = "ECDH-ES+A256KW" if is_ec else "RSA-OAEP-256"
    opened = jwe.decrypt_json(message, key, algorithms=[algorithm, "A256GCM"])
    return dict(json.loads(opened.plaintext or b""))


@pytest.mark.parametrize("kind", ["P-256", "RSA"])
def test_the_node_opens_every_layer(group: Any, source: Source, image: Image, kind: str) -> None:
    node = make_node(key=rsa_key() if kind == "RSA" else None)
    made = prepare(taken(group, node).pk)
    assert made is not None
    body = bytes(made.body)
    assert made.digest == digest_of(body)
    manifest = json.loads(body)
    assert (manifest["schemaVersion"], manifest["mediaType"]) == (2, "application/vnd.oci.image.manifest.v1+json")
    assert manifest["config"] == {
        "mediaType": "application/vnd.oci.image.config.v1+json",
        "digest": digest_of(source.config),
        "size": len(source.config),
    }
    assert len(manifest["layers"]) == len(source.layers)
    for listed, row, (_, plain) in zip(manifest["layers"], image.layers.all(), source.layers, strict=True):
        assert listed["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip+encrypted"
        public = json.loads(base64.b64decode(listed["annotations"]["org.opencontainers.image.enc.pubopts"]))
        private = open_keys(listed["annotations"]["org.opencontainers.image.enc.keys.jwe"], node)
        assert row.blob is not None
        with store.open(row.blob.name) as file:
            cipher = file.read()
        assert (digest_of(cipher), len(cipher)) == (listed["digest"], listed["size"])
        secret = base64.b64decode(private["symkey"])
        assert base64.b64decode(public["hmac"]) == hmac.digest(secret, cipher, hashlib.sha256)
        nonce = base64.b64decode(private["cipheroptions"]["nonce"])
        assert Cipher(AES(secret), CTR(nonce)).decryptor().update(cipher) == plain
        assert private["digest"] == digest_of(plain)
        assert (public["cipher"], public["cipheroptions"]) == ("AES_256_CTR_HMAC_SHA256", {})


def test_another_node_opens_none(group: Any, node: NodeInHand, other_node: NodeInHand) -> None:
    made = prepare(taken(group, node).pk)
    assert made is not None
    for listed in json.loads(bytes(made.body))["layers"]:
        with pytest.raises(JoseError):
            open_keys(listed["annotations"]["org.opencontainers.image.enc.keys.jwe"], other_node)


def test_it_is_made_once_for_an_image_and_a_node(group: Any, node: NodeInHand, monkeypatch: pytest.MonkeyPatch) -> None:
    instance = taken(group, node)
    first = prepare(instance.pk)
    assert prepare(instance.pk) == first
    # Two workers at once: the second finds at its insert that the first has been.
    assert first is not None
    really = manifests.manifest_for

    def change_in_between(image: Any, key: Any) -> bytes:
        NodeManifest.objects.create(image=image, node=node.row, digest="sha256:theirs", body=b"{}")
        return really(image, key)

    first.delete()
    monkeypatch.setattr(manifests, "manifest_for", change_in_between)
    second = prepare(instance.pk)
    assert second is not None
    assert second.digest == "sha256:theirs"


def test_layers_with_one_digest_are_each_listed(group: Any, node: NodeInHand, image: Image) -> None:
    image.layers.filter(position=2).update(blob=image.layers.get(position=0).blob)
    made = prepare(taken(group, node).pk)
    assert made is not None
    digests = [listed["digest"] for listed in json.loads(bytes(made.body))["layers"]]
    assert digests[0] == digests[2] != digests[1]


def test_nothing_is_made_for_what_is_over(group: Any, node: NodeInHand) -> None:
    import uuid

    assert prepare(InstanceId(uuid.uuid4())) is None
    instance = taken(group, node)
    stop(group, by=CONSOLE)
    assert prepare(instance.pk) is None
    Instance.objects.update(state="allocating", node=None)
    assert prepare(instance.pk) is None
    Instance.objects.update(node=node.row)
    for status, is_made in (("queued", False), ("pulling", False), ("failed", False), ("ready", True)):
        Image.objects.update(status=status)
        with transaction.atomic():
            Node.objects.update(status="removed")
            assert prepare(instance.pk) is None
            transaction.set_rollback(True)
        assert not NodeManifest.objects.exists()
        assert (prepare(instance.pk) is not None) == is_made


def test_which_manifests_are_missing(acme: Any, group: Any, node: NodeInHand, other_node: NodeInHand) -> None:
    """Those of each image for each node; one that is made is no other's."""
    another = store_image(acme, make_source(b"x"))
    first, same_node, theirs, same_image = (
        Instance.objects.create(group=make_group(acme, image, name), node=machine.row)
        for name, image, machine in (
            ("first", group.image, node),
            ("same-node", another, node),
            ("theirs", another, other_node),
            ("same-image", group.image, other_node),
        )
    )
    assert set(manifests.missing()) == {first, theirs, same_node, same_image}
    made = prepare(first.pk)
    assert set(manifests.missing()) == {theirs, same_node, same_image}
    assert made == prepare(first.pk)
    others = [prepare(row.pk) for row in (theirs, same_node, same_image)]
    assert len({row.pk for row in (made, *others) if row is not None}) == 4
    assert [(row.image, row.node) for row in others if row is not None] == [
        (theirs.group.image, other_node.row),
        (theirs.group.image, node.row),
        (first.group.image, other_node.row),
    ]
    assert not manifests.missing().exists()
    NodeManifest.objects.all().delete()
    Instance.objects.filter(pk=first.pk).update(state="downloading")
    Instance.objects.filter(pk=theirs.pk).update(node=None)
    assert set(manifests.missing()) == {same_node, same_image}


def test_a_job_ends_in_time(acme: Any, image: Image, node: NodeInHand, monkeypatch: pytest.MonkeyPatch) -> None:
    start(make_group(acme, image, "one"), by=CONSOLE)
    start(make_group(acme, store_image(acme, make_source(b"x")), "two"), by=CONSOLE)
    node.poll()
    assert manifests.missing().count() == 2
    assert manifests.prepare_missing(0) == 0
    clock = iter([100.0, 109.9, 110.0])
    monkeypatch.setattr(manifests, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    assert manifests.prepare_missing(10) == 1

    def broken(instance_id: InstanceId) -> None:
        raise ValueError("a damaged key")

    # What fails is tried once, and again by the next job: the clock is asked once for each.
    clock = iter([100.0, 101.0])
    monkeypatch.setattr(manifests, "prepare", broken)
    assert manifests.prepare_missing(10) == 0
    assert next(clock, None) is None
    assert manifests.missing().count() == 1


def test_the_web_zone_can_not_make_one(group: Any, node: NodeInHand, settings: Any) -> None:
    instance = taken(group, node)
    settings.PORTAL_ZONE = "web"
    with pytest.raises(keyring.KeyUnavailable):
        prepare(instance.pk)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("application/vnd.docker.image.rootfs.diff.tar", "application/vnd.oci.image.layer.v1.tar+encrypted"),
        ("application/vnd.docker.image.rootfs.diff.tar.zstd", "application/vnd.oci.image.layer.v1.tar+zstd+encrypted"),
        ("application/vnd.oci.image.layer.v1.tar+zstd", "application/vnd.oci.image.layer.v1.tar+zstd+encrypted"),
    ],
)
def test_layer_types_become_ocis(group: Any, node: NodeInHand, image: Image, theirs: str, ours: str) -> None:
    Blob.objects.update(media_type=theirs)
    made = prepare(taken(group, node).pk)
    assert made is not None
    assert {listed["mediaType"] for listed in json.loads(bytes(made.body))["layers"]} == {ours}


def test_an_image_without_one_of_its_layers_has_no_manifest(group: Any, node: NodeInHand, image: Image) -> None:
    instance = taken(group, node)
    image.layers.filter(position=1).update(blob=None)
    with pytest.raises(ValueError, match="layer 1 of a ready image"):
        prepare(instance.pk)
    assert not NodeManifest.objects.exists()


def test_a_job_makes_all_that_nodes_wait_for(
    acme: Any, image: Image, node: NodeInHand, other_node: NodeInHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    for machine in (node, other_node):
        machine.poll()
    for name in ("one", "two"):
        start(make_group(acme, image, name, replicas=2), by=CONSOLE)
    for machine in (node, other_node):
        machine.poll()
    assert Instance.objects.filter(node__isnull=False).count() == 4
    really, broken = prepare, Instance.objects.filter(node=other_node.row).latest("pk")

    def fails_once(instance_id: Any) -> Any:
        if instance_id == broken.pk:
            raise ValueError("a damaged key")
        return really(instance_id)

    monkeypatch.setattr(manifests, "prepare", fails_once)
    assert manifests.prepare_missing(30)
    assert NodeManifest.objects.count() == 2, "one for each image and node, whatever else can't be made"
    with CaptureQueriesContext(connection) as queries:
        assert manifests.prepare_missing(30) == 0
    assert queries[-1]["sql"].endswith("LIMIT 50"), "a few at a time: several workers do this at once"


def test_a_layer_has_the_size_that_it_is_stored_with(group: Any, node: NodeInHand, image: Image) -> None:
    """Not the one that it had at its registry, from which it may have come uncompressed."""
    stored = list(image.layers.order_by("position").values_list("blob__size", flat=True))
    Blob.objects.update(source_size=1)
    start(group, by=CONSOLE)
    node.poll()
    prepare(Instance.objects.get().pk)
    manifest = json.loads(bytes(NodeManifest.objects.get().body))
    assert [layer["size"] for layer in manifest["layers"]] == stored
