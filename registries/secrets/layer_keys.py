"""Layer keys at rest, wrapped with a key that only the worker zone holds.

AES-256-GCM, preceded by a random 96-bit nonce. The associated data bind a wrapped key to its organization and to the
digest of the plain blob, so the bytes of one row can't be unwrapped in another row's place. `groups.nodes.manifests`
wraps layer keys for nodes.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from registries.foundation.ids import OrganizationId
from registries.secrets import keyring

NONCE_BYTES = 12


class LayerKeyBroken(Exception):
    """The bytes were not wrapped for this layer, or are damaged."""


def wrap(key: bytes, *, organization_id: OrganizationId, digest: str) -> bytes:
    """Return nonce + wrapped 32-byte key + tag, for the plain blob with `digest`. Raises `keyring.KeyUnavailable`."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(keyring.layers_key()).encrypt(nonce, key, _bound_to(organization_id, digest))


def unwrap(wrapped: bytes | memoryview, *, organization_id: OrganizationId, digest: str) -> bytes:
    """Return the 32-byte layer key. Worker zone only. Raises LayerKeyBroken, `keyring.KeyUnavailable`."""
    wrapped = bytes(wrapped)
    try:
        return AESGCM(keyring.layers_key()).decrypt(
            wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _bound_to(organization_id, digest)
        )
    except (InvalidTag, ValueError):
        raise LayerKeyBroken(digest) from None


def _bound_to(organization_id: OrganizationId, digest: str) -> bytes:
    return f"drayage layer key 1|{organization_id}|{digest}".encode()
