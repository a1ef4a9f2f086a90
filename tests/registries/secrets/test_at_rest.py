"""Data at rest: it opens in its own row, and nowhere else."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pytest_django import Settings

from registries.secrets import at_rest, keyring
from registries.secrets.keyring import KeyUnavailable

PLACE = "image config 1"


def test_data_comes_back() -> None:
    stored = at_rest.encrypt(b"canary", bound_to=PLACE)

    assert b"canary" not in stored
    assert at_rest.decrypt(stored, bound_to=PLACE) == b"canary"
    assert at_rest.decrypt(memoryview(stored), bound_to=PLACE) == b"canary"
    assert stored != at_rest.encrypt(b"canary", bound_to=PLACE)


def test_data_are_encrypted_as_rows_that_exist_are() -> None:
    stored = at_rest.encrypt(b"canary", bound_to="image config 1")

    assert AESGCM(keyring.data_key()).decrypt(stored[:12], stored[12:], b"image config 1") == b"canary"


def test_objects_come_back_and_an_empty_one_takes_no_place() -> None:
    values = {"GREETING": "Grüße aus Łódź", "count": 3}

    assert at_rest.decrypt_object(at_rest.encrypt_object(values, bound_to=PLACE), bound_to=PLACE) == values
    assert at_rest.encrypt_object({}, bound_to=PLACE) is None
    assert at_rest.decrypt_object(None, bound_to=PLACE) == {}


def test_they_do_not_open_in_another_row() -> None:
    with pytest.raises(at_rest.AtRestBroken):
        at_rest.decrypt(at_rest.encrypt(b"canary", bound_to=PLACE), bound_to="image config 2")


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 60])
def test_what_is_damaged_does_not_open(damage: bytes) -> None:
    with pytest.raises(at_rest.AtRestBroken):
        at_rest.decrypt(damage, bound_to=PLACE)


def test_every_changed_byte_is_noticed() -> None:
    stored = at_rest.encrypt(b"canary", bound_to=PLACE)
    for place in range(len(stored)):
        with pytest.raises(at_rest.AtRestBroken):
            at_rest.decrypt(stored[:place] + bytes([stored[place] ^ 1]) + stored[place + 1 :], bound_to=PLACE)


def test_without_the_keys_nothing_opens(settings: Settings, tmp_path: object) -> None:
    stored = at_rest.encrypt(b"canary", bound_to=PLACE)
    settings.PORTAL_KEY_DIR = tmp_path

    with pytest.raises(KeyUnavailable):
        at_rest.decrypt(stored, bound_to=PLACE)
