"""Sealed values of credentials: opening one, binding one, and making one as a previous version did."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import hpke

from registries.foundation.ids import CredentialId, OrganizationId
from registries.models import Credential
from registries.secrets import keyring
from registries.secrets.credential_binding import Binding
from registries.secrets.credential_seal import unseal

SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
BINDING = Binding(
    organization_id=OrganizationId(1),
    credential_id=CredentialId(uuid.UUID(int=1)),
    provider="self_hosted",
    host="registry.example.com",
    repository="team/app",
    fields={"username": "deploy"},
    ca="",
    hold="pull",
    latest_deadline=datetime(2026, 11, 30, 12, 0, 0, 123456, UTC),
)


def unsealed(credential: Credential) -> Mapping[str, str]:
    """The secrets of a credential by field name, opened as a worker does."""
    assert credential.sealed is not None
    assert credential.epoch is not None
    return unseal(bytes(credential.sealed), epoch=credential.epoch, credential_id=credential.pk).secrets


def sealed_in_format_1(secrets: Mapping[str, str], *, organization_id: Any, credential_id: Any) -> tuple[int, bytes]:
    """What the previous version stored for these secrets: bound to the row, not to where they may be shown."""
    epoch, public_key = keyring.sealing_key()
    info = f"drayage credential 1|{organization_id}|{credential_id}".encode()
    return epoch, SUITE.encrypt(json.dumps(dict(secrets)).encode(), public_key, info=info)


def as_previous_version(credential: Credential) -> None:
    """Have the row as the previous version would have stored it."""
    epoch, sealed = sealed_in_format_1(
        unsealed(credential), organization_id=credential.organization_id, credential_id=credential.pk
    )
    Credential.objects.filter(pk=credential.pk).update(epoch=epoch, sealed=sealed, latest_deadline=None, repository="")
    credential.refresh_from_db()
