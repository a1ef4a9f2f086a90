"""Sealing a credential in the web zone and opening it in the worker zone.

HPKE (RFC 9180) in base mode with ML-KEM-768 + X25519, HKDF-SHA256 and AES-256-GCM. `info` binds a sealed value to its
organization and credential, so the bytes of one row can't be opened in another row's place.
`registries.secrets.keyring` stores the keys; `registries.actions` destroys sealed values.
"""

from __future__ import annotations

import json

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke

from registries.foundation.ids import CredentialId, OrganizationId
from registries.secrets import keyring

_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


class SealBroken(Exception):
    """The sealed value can't be opened: it belongs to another row or key, is damaged, or its key was deleted."""


def seal(secrets: dict[str, str], *, organization_id: OrganizationId, credential_id: CredentialId) -> tuple[int, bytes]:
    """Seal a mapping of field name to secret; return the key's epoch and the sealed bytes. Raises
    `keyring.KeyUnavailable`."""
    epoch, public_key = keyring.sealing_key()
    plain = json.dumps(secrets).encode()
    return epoch, _SUITE.encrypt(plain, public_key, info=_info(organization_id, credential_id))


def unseal(
    sealed: bytes, *, epoch: int, organization_id: OrganizationId, credential_id: CredentialId
) -> dict[str, str]:
    """Return the mapping that was sealed. Worker zone only. Raises SealBroken."""
    try:
        private_key = keyring.opening_key(epoch)
        plain = _SUITE.decrypt(bytes(sealed), private_key, info=_info(organization_id, credential_id))
    except (keyring.KeyUnavailable, InvalidTag, ValueError) as error:
        raise SealBroken(type(error).__name__) from None
    secrets: dict[str, str] = json.loads(plain)
    return secrets


def _info(organization_id: OrganizationId, credential_id: CredentialId) -> bytes:
    return f"drayage credential 1|{organization_id}|{credential_id}".encode()
