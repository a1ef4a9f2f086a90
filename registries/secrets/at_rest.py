"""Encryption at rest of data that the web zone must read, such as image configs and groups' environments.

AES-256-GCM with the web zone's data key, preceded by a random 96-bit nonce. `bound_to` is the associated data, so the
bytes of one row can't be decrypted in another row's place. Layer keys and credentials use other keys
(`registries.secrets.layer_keys`, `registries.secrets.credential_seal`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from registries.secrets import keyring

NONCE_BYTES = 12


class AtRestBroken(Exception):
    """The bytes were not encrypted for this row, or are damaged."""


def encrypt(plain: bytes, *, bound_to: str) -> bytes:
    """Return nonce + ciphertext + tag for the row named by `bound_to`, such as `image config <id>`. Raises
    `keyring.KeyUnavailable`."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(keyring.data_key()).encrypt(nonce, plain, bound_to.encode())


def decrypt(stored: bytes | memoryview, *, bound_to: str) -> bytes:
    """Return what `encrypt` was given. Raises AtRestBroken, `keyring.KeyUnavailable`."""
    stored = bytes(stored)
    try:
        return AESGCM(keyring.data_key()).decrypt(stored[:NONCE_BYTES], stored[NONCE_BYTES:], bound_to.encode())
    except (InvalidTag, ValueError):  # ValueError: too short for a nonce
        raise AtRestBroken(bound_to) from None


def encrypt_object(values: Mapping[str, object], *, bound_to: str) -> bytes | None:
    """Return a JSON object encrypted; None for an empty one."""
    return encrypt(json.dumps(values).encode(), bound_to=bound_to) if values else None


def decrypt_object(stored: bytes | memoryview | None, *, bound_to: str) -> dict[str, Any]:
    """Return what `encrypt_object` was given. Raises AtRestBroken."""
    values: dict[str, Any] = json.loads(decrypt(stored, bound_to=bound_to)) if stored else {}
    return values
