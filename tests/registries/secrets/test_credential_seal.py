"""A credential opens in the worker zone, in its own row, with its own epoch's key, and nowhere else."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from pytest_django import Settings

from registries.foundation.ids import CredentialId
from registries.secrets import keyring
from registries.secrets.credential_seal import SealBroken, Unsealed, seal, unseal, unseal_previous_format
from tests.support.seals import BINDING, SUITE, sealed_in_format_1

HOST = b"registry.example.com"
SECRETS = {"password": "canary-päss:wörd \x7f"}


ID, OTHER_ID = BINDING.credential_id, CredentialId(uuid.UUID(int=2))


@pytest.fixture
def own_keys(settings: Settings, tmp_path: Path) -> Path:
    """Keys that a test may damage."""
    settings.PORTAL_KEY_DIR = tmp_path
    keyring.create_missing()
    return tmp_path


def test_what_was_sealed_comes_back() -> None:
    epoch, sealed = seal(SECRETS, BINDING)

    assert b"canary" not in sealed
    assert HOST not in sealed
    assert unseal(sealed, epoch=epoch, credential_id=ID) == Unsealed(BINDING, SECRETS)
    assert unseal(memoryview(sealed), epoch=epoch, credential_id=ID).secrets == SECRETS
    assert "canary" not in repr(unseal(sealed, epoch=epoch, credential_id=ID))


def test_it_is_sealed_as_rows_that_exist_are() -> None:
    """Hybrid HPKE, bound to its row. Another suite or another binding would open none of them."""
    epoch, sealed = seal(SECRETS, BINDING)

    info = b"drayage credential 2|00000000-0000-0000-0000-000000000001"
    assert json.loads(SUITE.decrypt(sealed, keyring.opening_key(epoch), info=info)) == {
        "binding": {
            "organization_id": 1,
            "credential_id": "00000000-0000-0000-0000-000000000001",
            "provider": "self_hosted",
            "host": "registry.example.com",
            "repository": "team/app",
            "fields": {"username": "deploy"},
            "ca": "",
            "hold": "pull",
            "latest_deadline": "2026-11-30T12:00:00.123456+00:00",
            "sign_in_host": "",
        },
        "secrets": SECRETS,
    }


def test_no_two_seals_are_alike() -> None:
    assert seal(SECRETS, BINDING)[1] != seal(SECRETS, BINDING)[1]


def test_it_does_not_open_in_another_row() -> None:
    epoch, sealed = seal(SECRETS, BINDING)

    with pytest.raises(SealBroken):
        unseal(sealed, epoch=epoch, credential_id=OTHER_ID)


def test_what_the_previous_version_sealed_opens_only_to_be_sealed_again() -> None:
    place = {"organization_id": BINDING.organization_id, "credential_id": ID}
    epoch, sealed = sealed_in_format_1(SECRETS, **place)

    with pytest.raises(SealBroken):
        unseal(sealed, epoch=epoch, credential_id=ID)
    assert unseal_previous_format(sealed, epoch=epoch, **place) == SECRETS  # type: ignore[arg-type]
    with pytest.raises(SealBroken):
        unseal_previous_format(seal(SECRETS, BINDING)[1], epoch=epoch, **place)  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"binding": {}, "secrets": {}}'])
def test_a_seal_of_somebody_else_with_other_content_is_broken(content: bytes) -> None:
    """Everybody who has the public key can seal."""
    epoch, public_key = keyring.sealing_key()
    sealed = SUITE.encrypt(content, public_key, info=f"drayage credential 2|{ID}".encode())

    with pytest.raises(SealBroken, match="content"):
        unseal(sealed, epoch=epoch, credential_id=ID)


@pytest.mark.parametrize("damage", [b"", b"x", b"x" * 5000])
def test_what_is_damaged_does_not_open(damage: bytes) -> None:
    with pytest.raises(SealBroken):
        unseal(damage, epoch=seal(SECRETS, BINDING)[0], credential_id=ID)


def test_a_private_key_that_is_damaged_opens_nothing(own_keys: Path) -> None:
    epoch, sealed = seal(SECRETS, BINDING)
    path = own_keys / "worker" / f"seal-{epoch}.key"
    for damage in (b"", path.read_bytes()[:-1]):
        path.write_bytes(damage)
        with pytest.raises(SealBroken):
            unseal(sealed, epoch=epoch, credential_id=ID)


def test_one_flipped_bit_is_enough() -> None:
    epoch, sealed = seal(SECRETS, BINDING)

    for position in (0, len(sealed) // 2, len(sealed) - 1):
        flipped = bytearray(sealed)
        flipped[position] ^= 1
        with pytest.raises(SealBroken):
            unseal(bytes(flipped), epoch=epoch, credential_id=ID)


def test_the_web_zone_seals_and_can_not_open(own_keys: Path, settings: Settings) -> None:
    settings.PORTAL_ZONE = "web"

    epoch, sealed = seal(SECRETS, BINDING)

    with pytest.raises(SealBroken):
        unseal(sealed, epoch=epoch, credential_id=ID)


def test_a_host_that_lacks_the_private_keys_can_not_open(own_keys: Path) -> None:
    epoch, sealed = seal(SECRETS, BINDING)
    for path in (own_keys / "worker").iterdir():
        path.unlink()

    with pytest.raises(SealBroken):
        unseal(sealed, epoch=epoch, credential_id=ID)


def test_a_new_epoch_seals_from_now_on_and_the_old_one_still_opens(own_keys: Path) -> None:
    old_epoch, old = seal(SECRETS, BINDING)
    assert keyring.create_epoch() == old_epoch + 1

    epoch, sealed = seal(SECRETS, BINDING)

    assert epoch == old_epoch + 1
    assert unseal(sealed, epoch=epoch, credential_id=ID).secrets == SECRETS
    assert unseal(old, epoch=old_epoch, credential_id=ID).secrets == SECRETS
    with pytest.raises(SealBroken):
        unseal(old, epoch=epoch, credential_id=ID)


def test_once_an_epochs_key_is_deleted_a_backup_opens_nothing(own_keys: Path) -> None:
    epoch, sealed = seal(SECRETS, BINDING)
    keyring.create_epoch()
    (own_keys / "worker" / f"seal-{epoch}.key").unlink()

    with pytest.raises(SealBroken):
        unseal(sealed, epoch=epoch, credential_id=ID)


def test_the_error_holds_no_secret(own_keys: Path) -> None:
    epoch, sealed = seal(SECRETS, BINDING)

    with pytest.raises(SealBroken) as caught:
        unseal(sealed, epoch=epoch, credential_id=OTHER_ID)

    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
