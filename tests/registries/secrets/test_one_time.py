"""One-time secrets: of a form that existing rows and scanners hold on to."""

from __future__ import annotations

import base64
import hmac

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from registries.secrets import keyring, one_time
from registries.secrets.one_time import Purpose


def test_a_secret_is_new_and_known_by_its_digest() -> None:
    first, second = one_time.new("drx_"), one_time.new("drx_")

    assert first != second
    assert first.startswith("drx_")
    assert len(first) == len("drx_") + 43  # 256 random bits
    assert one_time.has_form(first, "drx_")
    assert not one_time.has_form(first, "d.x_")
    assert one_time.digest_of(first, Purpose.API_KEY) == one_time.digest_of(first, Purpose.API_KEY)


def test_the_digest_is_that_of_rows_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "data_key", lambda: bytes(range(32)))
    secret, sha256 = "dri_" + "A" * 43, "29368ebbc9e82aeca3c04fc93de88bbbbf859f9a9c91d46d873b3eb7ff9e0ece"
    key = HKDF(SHA256(), 32, None, b"drayage digests 1").derive(bytes(range(32)))
    message = b"".join(len(part).to_bytes(4) + part for part in (b"digest", b"invitation", b"7", sha256.encode()))
    known = "1." + base64.urlsafe_b64encode(hmac.digest(key, message, "sha256")).decode().rstrip("=")

    assert one_time.digest_of(secret, Purpose.INVITATION, "7") == known
    assert one_time.keyed(sha256, Purpose.INVITATION, "7") == known, "rows of earlier releases get the same"
    assert one_time.is_earlier(sha256)
    assert not one_time.is_earlier(known)


def test_a_digest_is_of_one_key_purpose_and_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {one_time.digest_of("drx_", purpose, owner) for purpose in Purpose for owner in ("", "1", "11")}
    assert len(made) == 3 * len(Purpose)
    monkeypatch.setattr(keyring, "data_key", lambda: bytes(32))
    assert one_time.digest_of("drx_", Purpose.API_KEY) not in made


def test_a_seal_is_of_one_digest_and_its_columns() -> None:
    seal = one_time.seal_of("1.x", Purpose.API_KEY, "acme", "read")
    assert one_time.is_sealed(seal, "1.x", Purpose.API_KEY, "acme", "read")
    for digest, purpose, columns in (
        ("1.y", Purpose.API_KEY, ("acme", "read")),
        ("1.x", Purpose.INVITATION, ("acme", "read")),
        ("1.x", Purpose.API_KEY, ("acme", "write")),
        ("1.x", Purpose.API_KEY, ("acmer", "ead")),
        ("1.x", Purpose.API_KEY, ("acme", "read", "")),
    ):
        assert not one_time.is_sealed(seal, digest, purpose, *columns)
    for forged in ("", "é", one_time.digest_of("acme", Purpose.API_KEY)):
        assert not one_time.is_sealed(forged, "1.x", Purpose.API_KEY, "acme", "read")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "drx_",
        "drx_" + "A" * 42,
        "drx_" + "A" * 44,
        "dry_" + "A" * 43,
        "drx_" + "A" * 42 + "é",
        "drx_" + "A" * 43 + "\n",
        "drx_" + "A" * 42 + "\0",
    ],
)
def test_other_texts_have_not_the_form(text: str) -> None:
    assert not one_time.has_form(text, "drx_")


def test_the_purposes_are_those_of_stored_digests() -> None:
    """Another word would make every digest of that kind useless."""
    assert {purpose.value for purpose in Purpose} == {
        "address link",
        "api key",
        "enrolment",
        "invitation",
        "known browser",
        "logout token",
        "node session",
        "node token",
        "password link",
        "sign-in limit",
        "single sign-on state",
    }
