"""Sealing a credential in the web zone and opening it in the worker zone.

HPKE (RFC 9180) in base mode with ML-KEM-768 + X25519, HKDF-SHA256 and AES-256-GCM. The plaintext holds the secrets and
what they are bound to (`registries.secrets.credential_binding`); `info` binds the bytes to the credential's id, so they
can't be opened in another row's place. `registries.secrets.keyring` stores the keys; `registries.actions` destroys
sealed values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke

from registries.foundation.ids import CredentialId, OrganizationId
from registries.secrets import keyring
from registries.secrets.credential_binding import Binding

_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


class SealBroken(Exception):
    """The sealed value can't be opened: it belongs to another row or key, or is damaged."""


class SealKeyGone(SealBroken):
    """The key that opens the value was deleted, or this zone doesn't hold it."""


@dataclass(frozen=True, slots=True)
class Unsealed:
    """An opened credential: its secrets by field name, and what they are bound to."""

    binding: Binding
    secrets: Mapping[str, str] = field(repr=False)


def seal(secrets: Mapping[str, str], binding: Binding) -> tuple[int, bytes]:
    """Seal a mapping of field name to secret with its binding; return the key's epoch and the sealed bytes. Raises
    `keyring.KeyUnavailable`."""
    epoch, public_key = keyring.sealing_key()
    plain = json.dumps({"binding": binding.as_json(), "secrets": dict(secrets)}).encode()
    return epoch, _SUITE.encrypt(plain, public_key, info=_info(binding.credential_id))


def unseal(sealed: bytes | memoryview, *, epoch: int, credential_id: CredentialId) -> Unsealed:
    """Return what was sealed. Worker zone only. Raises SealBroken, as SealKeyGone where the key is missing.

    The caller compares the binding with the row (`Binding.changed_columns`), and acts on the binding.
    """
    plain = _open(sealed, epoch, _info(credential_id))
    try:
        match json.loads(plain):
            case {"binding": binding, "secrets": dict(secrets)}:
                return Unsealed(Binding.from_json(binding), secrets)
    except (ValueError, TypeError):
        pass  # outside the handler: exceptions of parsers contain the values
    raise SealBroken("content")


def unseal_previous_format(
    sealed: bytes | memoryview, *, epoch: int, organization_id: OrganizationId, credential_id: CredentialId
) -> dict[str, str]:
    """Return the secrets that a previous version sealed, bound to nothing but their row. Only to seal them again
    (`registries.secrets.resealing`). Raises SealBroken."""
    info = f"drayage credential 1|{organization_id}|{credential_id}".encode()
    secrets: dict[str, str] = json.loads(_open(sealed, epoch, info))
    return secrets


def _open(sealed: bytes | memoryview, epoch: int, info: bytes) -> bytes:
    try:
        private_key = keyring.opening_key(epoch)
    except (keyring.KeyUnavailable, ValueError) as error:
        raise SealKeyGone(type(error).__name__) from None
    try:
        return _SUITE.decrypt(bytes(sealed), private_key, info=info)
    except (InvalidTag, ValueError) as error:
        raise SealBroken(type(error).__name__) from None


def _info(credential_id: CredentialId) -> bytes:
    return f"drayage credential 2|{credential_id}".encode()
