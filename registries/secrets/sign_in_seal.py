"""Sealing for sign-ins with an identity provider: what the worker zone needs to talk to the provider.

HPKE as in `registries.secrets.credential_seal`, with a key that is kept, since a client's secret is. `Sealed` says what
the values are for and `row` whose they are, so that they can't be opened in another place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke

from registries.secrets import keyring

_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


class Sealed(StrEnum):
    """What sealed values are for."""

    CLIENT = "client"
    CODE = "code"
    REFRESH_TOKEN = "refresh token"  # noqa: S105 (a purpose)


class SignInSealBroken(Exception):
    """The sealed values belong to another row or key, or are damaged."""


def seal(values: Mapping[str, str], purpose: Sealed, row: str) -> bytes:
    """Return the values sealed for workers. Raises `keyring.KeyUnavailable`."""
    plain = json.dumps(dict(values)).encode()
    return _SUITE.encrypt(plain, keyring.sign_in_sealing_key(), info=_info(purpose, row))


def unseal(sealed: bytes | memoryview | None, purpose: Sealed, row: str) -> dict[str, str]:
    """Return what was sealed. Worker zone only. Raises SignInSealBroken and `keyring.KeyUnavailable`."""
    key = keyring.sign_in_opening_key()
    try:
        values: dict[str, str] = json.loads(_SUITE.decrypt(bytes(sealed or b""), key, info=_info(purpose, row)))
    except (InvalidTag, ValueError):
        values = {}
    if not values:
        raise SignInSealBroken(purpose.value)
    return values


def _info(purpose: Sealed, row: str) -> bytes:
    return f"drayage sign-in 1|{purpose.value}|{row}".encode()
