"""Which key signs tokens, and what the web zone shows of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import RSAKey
from pytest_django import Settings

from registries.secrets import issuer_keys
from registries.secrets.keyring import KeyUnavailable

DAY = 86_400


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    """Key folders of this test's own, without a key."""
    settings.PORTAL_KEY_DIR = tmp_path
    for zone in ("web", "worker"):
        (tmp_path / zone).mkdir()
    return tmp_path


def make_older(folder: Path, number: int, seconds: float) -> None:
    path = folder / "web" / f"issuer-{number}.pub"
    moment = path.stat().st_mtime - seconds
    os.utime(path, (moment, moment))


def test_the_public_key_verifies_what_the_private_one_signs(folder: Path) -> None:
    issuer_keys.create(after=0)

    token = jwt.encode({"alg": "RS256"}, {"sub": "x"}, issuer_keys.signing_key())
    (public,) = issuer_keys.public_keys()

    assert jwt.decode(token, RSAKey.import_key({**public}), algorithms=["RS256"]).claims == {"sub": "x"}
    assert public["kid"] == issuer_keys.signing_key().kid == RSAKey.import_key({**public}).thumbprint()
    assert {"kty": "RSA", "use": "sig", "alg": "RS256"}.items() <= public.items()


def test_nothing_private_is_public(folder: Path) -> None:
    issuer_keys.create(after=0)

    assert set(issuer_keys.public_keys()[0]) == {"kty", "n", "e", "kid", "use", "alg"}
    assert len(issuer_keys.public_keys()[0]["n"]) >= 2048 // 8 * 4 // 3


def test_the_only_key_signs_at_once(folder: Path) -> None:
    assert issuer_keys.create(after=0) == issuer_keys.current_number() == 1


@pytest.mark.parametrize(("public_for", "signs"), [(0, 1), (24 * 3600, 1), (25 * 3600 + 1, 2)])
def test_a_further_key_signs_once_it_was_public_for_a_day(folder: Path, public_for: int, signs: int) -> None:
    issuer_keys.create(after=0)
    issuer_keys.create(after=1)
    make_older(folder, 1, 40 * DAY)
    make_older(folder, 2, public_for)

    assert issuer_keys.current_number() == signs


def test_keys_that_were_copied_to_another_folder_do_not_sign_too_early(folder: Path) -> None:
    """A copy has the time at which it was made: both keys look new."""
    issuer_keys.create(after=0)
    issuer_keys.create(after=1)

    assert issuer_keys.current_number() == 1


def test_two_that_create_the_same_key_have_the_same(folder: Path) -> None:
    issuer_keys.create(after=0)
    before = issuer_keys.public_keys()

    assert issuer_keys.create(after=0) == 1
    assert issuer_keys.public_keys() == before


def test_a_withdrawn_key_neither_signs_nor_verifies(folder: Path) -> None:
    issuer_keys.create(after=0)
    token = jwt.encode({"alg": "RS256"}, {"sub": "x"}, issuer_keys.signing_key())
    issuer_keys.create(after=1)

    assert issuer_keys.withdraw(1)
    assert not issuer_keys.withdraw(1)

    assert issuer_keys.current_number() == 2
    (left,) = issuer_keys.public_keys()
    with pytest.raises(BadSignatureError):
        jwt.decode(token, RSAKey.import_key({**left}), algorithms=["RS256"])


def test_without_a_key_nothing_is_signed(folder: Path) -> None:
    with pytest.raises(KeyUnavailable):
        issuer_keys.signing_key()
    assert issuer_keys.public_keys() == []


def test_a_key_whose_public_part_is_missing_does_not_sign(folder: Path) -> None:
    issuer_keys.create(after=0)
    (folder / "web" / "issuer-1.pub").unlink()

    with pytest.raises(KeyUnavailable):
        issuer_keys.signing_key()


@pytest.mark.parametrize(
    "use", [issuer_keys.signing_key, issuer_keys.signing_numbers, lambda: issuer_keys.create(after=9)]
)
def test_the_web_zone_gets_no_private_key(settings: Settings, use: object) -> None:
    settings.PORTAL_ZONE = "web"

    assert callable(use)
    with pytest.raises(KeyUnavailable):
        use()
    assert issuer_keys.public_keys()


def test_private_keys_are_readable_by_their_owner_only(folder: Path) -> None:
    issuer_keys.create(after=0)

    assert (folder / "worker" / "issuer-1.key").stat().st_mode & 0o077 == 0
