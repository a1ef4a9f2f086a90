"""The worker zone's signature of a manifest for a node, which the web zone checks before it sends a node to it.

Without it, whoever writes the database could give a node a manifest of his own, which names layers of his own, or have
it run another organization's image.

    signature    Ed25519 over organization, image, node, the node's public key and the manifest's digest
    private key  made from the worker zone's `layers.key`
    public key   PORTAL_KEY_DIR/web/manifests.pub
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature

from registries.foundation.ids import ImageId, NodeId, OrganizationId
from registries.secrets import keyring


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTerms:
    """For whom a manifest was made: the organization whose image it is, the image, and a node with its key. `digest` is
    the manifest's, `sha256:…`."""

    organization_id: OrganizationId
    image_id: ImageId
    node_id: NodeId
    public_key: str
    digest: str


def sign(terms: SignedTerms) -> str:
    """Return the signature, 128 hex digits. Worker zone only. Raises `keyring.KeyUnavailable`."""
    return keyring.manifest_signing_key().sign(_message(terms)).hex()


def is_signed(signature: str, terms: SignedTerms) -> bool:
    """Whether the worker zone signed these terms. False as long as the worker zone has not published its key."""
    try:
        keyring.manifest_public_key().verify(bytes.fromhex(signature), _message(terms))
    except (InvalidSignature, ValueError, keyring.KeyUnavailable):
        return False
    return True


def _message(terms: SignedTerms) -> bytes:
    """The terms, each preceded by its length, so that no two are alike."""
    ids = (terms.organization_id, terms.image_id, terms.node_id)
    parts = ["drayage manifest 1", *map(str, ids), terms.public_key, terms.digest]
    return b"".join(len(part).to_bytes(4) + part for part in (text.encode() for text in parts))
