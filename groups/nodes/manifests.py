"""The manifest of an image for one node: the same layers for all nodes, with keys encrypted to this node's public key.

Worker zone: layer keys are decrypted here and leave only as JWE. The format is that of containers/ocicrypt, which stock
clients can decrypt. The node verifies the manifest by its digest, which it gets over its authenticated channel.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Mapping

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from joserfc import jwe

from groups.delivery import media_types
from groups.models import Image, Instance, Layer, Node, NodeManifest
from groups.nodes.keys import NodeKey
from groups.nodes.manifest_signing import forget_unsigned, is_signed_for, signature_for
from groups.nodes.vouching import KeyNotVouched, vouched_key
from registries.foundation.ids import InstanceId, OrganizationId
from registries.secrets import layer_keys

MAX_AT_ONCE = 50

log = structlog.get_logger(__name__)


class NotThisOrganizations(Exception):
    """A row points to an image or a layer of another organization, which the portal never stores."""


def prepare(instance_id: InstanceId) -> NodeManifest | None:
    """Return the manifest of the instance's image for its node; makes it if it doesn't exist yet.

    One that the worker zone has not signed for this image and this node is made again. Returns None for an instance
    that was deleted, that has no node, or that is stopping, and for an image that is not ready, and for a node whose
    key no worker vouches for. Raises `registries.secrets.layer_keys.LayerKeyBroken`,
    `keyring.KeyUnavailable`, and NotThisOrganizations.
    """
    instance = Instance.objects.select_related("node", "group__image").filter(pk=instance_id).first()
    if instance is None or instance.node is None or instance.state == Instance.State.STOPPING:
        return None
    node, image = instance.node, instance.group.image
    if image.status != Image.Status.READY or node.status == Node.Status.REMOVED:
        return None
    manifest = NodeManifest.objects.filter(image=image, node=node).first()
    if manifest is not None:
        if is_signed_for(instance, manifest) and digest_of(bytes(manifest.body)) == manifest.digest:
            return manifest
        forget_unsigned(manifest)
    if image.organization_id != instance.group.organization_id:
        raise NotThisOrganizations(f"image {image.pk}")
    try:
        key = vouched_key(node)
    except KeyNotVouched:
        return None
    body = manifest_for(image, key)
    digest = digest_of(body)
    signature = signature_for(image, node, digest)
    try:
        with transaction.atomic():
            manifest = NodeManifest.objects.create(
                image=image, node=node, digest=digest, body=body, signature=signature
            )
    except IntegrityError:  # another worker was first, or the image or node was deleted
        return NodeManifest.objects.filter(image=image, node=node).first()
    log.info("manifest_created", image=str(image.pk), node=str(node.pk), digest=digest)
    return manifest


def prepare_missing(seconds: float) -> int:
    """Make missing manifests until there are none left or `seconds` have passed; return how many were made. Several
    workers can do this at once, in random order each."""
    end, count = time.monotonic() + seconds, 0
    failed: set[InstanceId] = set()
    while found := [
        pk for pk in missing().order_by("?").values_list("pk", flat=True)[:MAX_AT_ONCE] if pk not in failed
    ]:
        for instance_id in found:
            if time.monotonic() >= end:
                return count
            try:
                made_one = prepare(instance_id) is not None
            except Exception as error:  # one failure must not hold up the others
                log.error("manifest_failed", instance=str(instance_id), error=type(error).__name__)
                made_one = False
            if made_one:
                count += 1
            else:
                failed.add(instance_id)
    return count


def missing() -> QuerySet[Instance]:
    """Instances that are assigned to a node and have no manifest for it yet, or one of a previous version."""
    made = NodeManifest.objects.filter(image=OuterRef("group__image"), node=OuterRef("node")).exclude(signature="")
    return Instance.objects.filter(~Exists(made), node__isnull=False, state=Instance.State.ALLOCATING)


def manifest_for(image: Image, key: NodeKey) -> bytes:
    """Return the OCI manifest, as JSON, of a ready image with its layer keys encrypted to `key`."""
    document = {
        "schemaVersion": 2,
        "mediaType": media_types.MANIFEST,
        "config": {"mediaType": media_types.CONFIG, "digest": image.config_digest, "size": image.config_size},
        "layers": [
            _descriptor(layer, key, OrganizationId(image.organization_id))
            for layer in image.layers.order_by("position").select_related("blob")
        ],
    }
    return json.dumps(document, separators=(",", ":")).encode()


def digest_of(body: bytes) -> str:
    """The digest by which a node fetches and verifies a manifest."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _descriptor(layer: Layer, key: NodeKey, organization_id: OrganizationId) -> dict[str, object]:
    blob = layer.blob
    if blob is None:
        raise ValueError(f"layer {layer.position} of a ready image was never committed")
    if blob.organization_id != organization_id:
        raise NotThisOrganizations(f"blob {blob.pk}")
    secret = layer_keys.unwrap(bytes(blob.wrapped_key), organization_id=blob.organization_id, digest=blob.digest)
    public = {"cipher": media_types.CIPHER, "hmac": _base64(blob.hmac), "cipheroptions": {}}
    private = {
        "symkey": _base64(secret),
        "digest": blob.digest,
        "cipheroptions": {"nonce": _base64(blob.nonce)},
    }
    return {
        "mediaType": media_types.OCI_LAYERS[blob.media_type] + media_types.ENCRYPTED,
        "digest": blob.cipher_digest,
        "size": blob.size,
        "annotations": {
            media_types.PUBLIC_OPTIONS: _base64(_json(public)),
            media_types.WRAPPED_KEYS: _base64(_json(_wrap(_json(private), key))),
        },
    }


def _wrap(plain: bytes, key: NodeKey) -> dict[str, object]:
    """Encrypt to the node's key; returns a JWE in flattened JSON."""
    message = jwe.FlattenedJSONEncryption({"alg": key.wraps_with, "enc": "A256GCM"}, plain)
    message.add_recipient({}, key.jwk)
    wrapped = jwe.encrypt_json(message, None, algorithms=[key.wraps_with, "A256GCM"])
    return {name: value for name, value in wrapped.items() if value}


def _json(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _base64(raw: bytes | memoryview) -> str:
    return base64.b64encode(raw).decode()
