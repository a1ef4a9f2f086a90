"""Keeping layer keys: wrapped at rest with a key that only the worker zone holds.

AES-256-GCM with a random 96-bit nonce in front. The associated data bind a wrapped key to its organization and to
the plain blob's digest, so that a row's bytes don't open in another's place. Wrapping for a node is
`groups.nodes.manifests`'s.
"""

from __future__ import annotations

import os
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from registries.secrets import keyring

NONCE_BYTES = 12


class LayerKeyBroken(Exception):
    """The bytes were not wrapped for this layer, or are damaged."""


def wrap(key: bytes, *, organization_id: Any, digest: str) -> bytes:
    """Return nonce + wrapped 32-byte key + tag, for the plain blob `digest`. Raises `keyring.KeyUnavailable`."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(keyring.layers_key()).encrypt(nonce, key, _bound_to(organization_id, digest))


def unwrap(wrapped: bytes | memoryview, *, organization_id: Any, digest: str) -> bytes:
    """Return the 32-byte layer key. Worker zone only. Raises LayerKeyBroken, `keyring.KeyUnavailable`."""
    wrapped = bytes(wrapped)
    try:
        return AESGCM(keyring.layers_key()).decrypt(
            wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _bound_to(organization_id, digest)
        )
    except (InvalidTag, ValueError):
        raise LayerKeyBroken(digest) from None


def _bound_to(organization_id: Any, digest: str) -> bytes:
    return f"drayage layer key 1|{organization_id}|{digest}".encode()
