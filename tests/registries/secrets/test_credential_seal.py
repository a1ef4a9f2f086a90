"""A credential opens in the worker zone, in its own row, with its own epoch's key, and nowhere else."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TypedDict

import pytest
from cryptography.hazmat.primitives import hpke
from pytest_django import Settings

from registries.foundation.ids import CredentialId, OrganizationId
from registries.secrets import keyring
from registries.secrets.credential_seal import SealBroken, seal, unseal

SECRETS = {"password": "canary-päss:wörd \x7f"}


class Place(TypedDict):
    """The row that a sealed value belongs to."""

    organization_id: OrganizationId
    credential_id: CredentialId


PLACE: Place = {"organization_id": OrganizationId(1), "credential_id": CredentialId(uuid.UUID(int=1))}
OTHER_ORGANIZATION: Place = {**PLACE, "organization_id": OrganizationId(2)}
OTHER_CREDENTIAL: Place = {**PLACE, "credential_id": CredentialId(uuid.UUID(int=2))}


@pytest.fixture
def own_keys(settings: Settings, tmp_path: Path) -> Path:
    """Keys that a test may damage."""
    settings.PORTAL_KEY_DIR = tmp_path
    keyring.create_missing()
    return tmp_path


def test_what_was_sealed_comes_back() -> None:
    epoch, sealed = seal(SECRETS, **PLACE)

    assert b"canary" not in sealed
    assert unseal(sealed, epoch=epoch, **PLACE) == SECRETS
    assert unseal(memoryview(sealed), epoch=epoch, **PLACE) == SECRETS  # type: ignore[arg-type]


def test_it_is_sealed_as_rows_that_exist_are() -> None:
    """Hybrid HPKE, bound to its row. Another suite or another binding would open none of them."""
    suite = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    epoch, sealed = seal(SECRETS, **PLACE)

    info = b"drayage credential 1|1|00000000-0000-0000-0000-000000000001"
    assert json.loads(suite.decrypt(sealed, keyring.opening_key(epoch), info=info)) == SECRETS


def test_no_two_seals_are_alike() -> None:
    assert seal(SECRETS, **PLACE)[1] != seal(SECRETS, **PLACE)[1]


@pytest.mark.parametrize("place", [OTHER_ORGANIZATION, OTHER_CREDENTIAL])
def test_it_does_not_open_in_another_row(place: Place) -> None:
    epoch, sealed = seal(SECRETS, **PLACE)

    with pytest.raises(SealBroken):
        unseal(sealed, epoch=epoch, **place)


@pytest.mark.parametrize("damage", [b"", b"x", b"x" * 5000])
def test_what_is_damaged_does_not_open(damage: bytes) -> None:
    with pytest.raises(SealBroken):
        unseal(damage, epoch=seal(SECRETS, **PLACE)[0], **PLACE)


def test_a_private_key_that_is_damaged_opens_nothing(own_keys: Path) -> None:
    epoch, sealed = seal(SECRETS, **PLACE)
    path = own_keys / "worker" / f"seal-{epoch}.key"
    for damage in (b"", path.read_bytes()[:-1]):
        path.write_bytes(damage)
        with pytest.raises(SealBroken):
            unseal(sealed, epoch=epoch, **PLACE)


def test_one_flipped_bit_is_enough() -> None:
    epoch, sealed = seal(SECRETS, **PLACE)

    for position in (0, len(sealed) // 2, len(sealed) - 1):
        flipped = bytearray(sealed)
        flipped[position] ^= 1
        with pytest.raises(SealBroken):
            unseal(bytes(flipped), epoch=epoch, **PLACE)


def test_the_web_zone_seals_and_can_not_open(own_keys: Path, settings: Settings) -> None:
    settings.PORTAL_ZONE = "web"

    epoch, sealed = seal(SECRETS, **PLACE)

    with pytest.raises(SealBroken):
        unseal(sealed, epoch=epoch, **PLACE)


def test_a_host_that_lacks_the_private_keys_can_not_open(own_keys: Path) -> None:
    epoch, sealed = seal(SECRETS, **PLACE)
    for path in (own_keys / "worker").iterdir():
        path.unlink()

    with pytest.raises(SealBroken):
        unseal(sealed, epoch=epoch, **PLACE)


def test_a_new_epoch_seals_from_now_on_and_the_old_one_still_opens(own_keys: Path) -> None:
    old_epoch, old = seal(SECRETS, **PLACE)
    assert keyring.create_epoch() == old_epoch + 1

    epoch, sealed = seal(SECRETS, **PLACE)

    assert epoch == old_epoch + 1
    assert unseal(sealed, epoch=epoch, **PLACE) == SECRETS
    assert unseal(old, epoch=old_epoch, **PLACE) == SECRETS
    with pytest.raises(SealBroken):
        unseal(old, epoch=epoch, **PLACE)


def test_once_an_epochs_key_is_deleted_a_backup_opens_nothing(own_keys: Path) -> None:
    epoch, sealed = seal(SECRETS, **PLACE)
    keyring.create_epoch()
    (own_keys / "worker" / f"seal-{epoch}.key").unlink()

    with pytest.raises(SealBroken):
        unseal(sealed, epoch=epoch, **PLACE)


def test_the_error_holds_no_secret(own_keys: Path) -> None:
    epoch, sealed = seal(SECRETS, **PLACE)

    with pytest.raises(SealBroken) as caught:
        unseal(sealed, epoch=epoch, **OTHER_CREDENTIAL)

    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
