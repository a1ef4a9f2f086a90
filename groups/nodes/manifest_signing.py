"""Which manifests count: those that the worker zone has signed for this image and this node with its present key.

A row of the table alone says nothing, since whoever writes the database can write it. Workers sign, both zones check.
"""

from __future__ import annotations

import structlog
from django.conf import settings

from groups.models import Image, Instance, Node, NodeManifest
from registries.secrets import keyring
from registries.secrets.manifest_signatures import SignedTerms, is_signed, sign

log = structlog.get_logger(__name__)


def signature_for(image: Image, node: Node, digest: str) -> str:
    """Sign the manifest with this digest. Worker zone only. Raises `registries.secrets.keyring.KeyUnavailable`."""
    return sign(
        SignedTerms(
            organization_id=image.organization_id,
            image_id=image.pk,
            node_id=node.pk,
            public_key=node.public_key,
            digest=digest,
        )
    )


def is_signed_for(instance: Instance, manifest: NodeManifest) -> bool:
    """Whether the manifest was made of an image of the instance's organization, for its node with its present key. The
    caller has read the instance's group and node."""
    node = instance.node
    if node is None or manifest.node_id != node.pk:
        return False
    terms = SignedTerms(
        organization_id=instance.group.organization_id,
        image_id=manifest.image_id,
        node_id=node.pk,
        public_key=node.public_key,
        digest=manifest.digest,
    )
    return is_signed(manifest.signature, terms)


def publish_key() -> int:
    """Give the web zone the key that checks signatures; return how many were written (0 or 1). For the sweeper."""
    if settings.PORTAL_ZONE == "web":
        return 0
    try:
        return keyring.publish_manifest_key()
    except (OSError, keyring.KeyUnavailable) as error:
        log.error("manifest_key_not_published", error=type(error).__name__)
        return 0


def forget_unsigned(manifest: NodeManifest) -> None:
    """Delete a manifest that does not count, so that a worker makes it again. Until the worker zone has published its
    key, nobody can tell."""
    try:
        keyring.manifest_public_key()
    except keyring.KeyUnavailable as error:
        log.error("manifest_key_missing", error=str(error))
        return
    found = NodeManifest.objects.filter(pk=manifest.pk, digest=manifest.digest, signature=manifest.signature)
    if found.delete()[0] and manifest.signature:
        log.error("manifest_not_signed", image=str(manifest.image_id), node=str(manifest.node_id))
