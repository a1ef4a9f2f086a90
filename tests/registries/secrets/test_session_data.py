"""A session's row: a digest of its key, and data that only the key opens."""

from __future__ import annotations

import base64
import hashlib

import pytest
from pytest_django import Settings

from registries.secrets.session_data import SessionDataBroken, decrypt, encrypt, row_key

KEY = "abcdefghijklmnopqrstuvwxyz012345"


def test_the_row_key_is_a_digest() -> None:
    expected = base64.urlsafe_b64encode(hashlib.sha256(KEY.encode()).digest())[:40].decode()
    assert row_key(KEY) == expected
    assert len({row_key(KEY), row_key(KEY[::-1]), row_key(row_key(KEY)), row_key("ü")}) == 4


def test_what_is_encrypted_opens_with_its_key_only(settings: Settings) -> None:
    stored = encrypt(b"data", KEY)
    assert stored != encrypt(b"data", KEY)
    assert decrypt(stored, KEY) == b"data"
    for other in (KEY[::-1], row_key(KEY)):
        with pytest.raises(SessionDataBroken):
            decrypt(stored, other)
    settings.SECRET_KEY = "another"  # pragma: allowlist secret
    with pytest.raises(SessionDataBroken):
        decrypt(stored, KEY)


@pytest.mark.parametrize("stored", ["", "AAAA", "%%%", "ü", "A" * 60])
def test_what_is_damaged_is_refused(stored: str) -> None:
    with pytest.raises(SessionDataBroken):
        decrypt(stored, KEY)


def test_a_changed_bit_is_noticed() -> None:
    raw = bytearray(base64.b64decode(encrypt(b"data", KEY)))
    raw[-1] ^= 1
    with pytest.raises(SessionDataBroken):
        decrypt(base64.b64encode(raw).decode(), KEY)
