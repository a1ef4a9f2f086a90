"""Which passwords are refused."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from portal.accounts.password_rules import MAX_LENGTH, MIN_LENGTH, is_listed
from portal.models import Organization, User

pytestmark = pytest.mark.django_db
GOOD = "quite another long sentence"


def codes(password: str, user: User | None = None) -> set[str]:
    try:
        validate_password(password, user)
    except ValidationError as error:
        return {str(found.code) for found in error.error_list}
    return set()


def listing(folder: Path, passwords: list[str], ending: str = "\n") -> Path:
    """A file as Have I Been Pwned offers it."""
    digests = sorted(hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest().upper() for text in passwords)
    path = folder / "known.txt"
    path.write_text(ending.join(f"{digest}:{number}" for number, digest in enumerate(digests, start=1)) + ending)
    return path


@pytest.mark.parametrize(
    "password", [GOOD, "x7-Kq2.9fLm!", "ünïcödé sätze gehen", "    twelve blanks and words", "829371046512"]
)
def test_any_characters_are_accepted(password: str, alice: User, acme: Organization) -> None:
    assert codes(password, alice) == set()


def test_too_short() -> None:
    assert "password_too_short" in codes("x7-Kq2.9fLm")


def test_at_least_64_characters_are_accepted_and_the_most_is_bounded() -> None:
    long = " ".join(f"ferry {number}" for number in range(MAX_LENGTH))
    assert codes(long[:64]) == set()
    assert codes(long[:MAX_LENGTH]) == set()
    assert codes(long[: MAX_LENGTH + 1]) == {"password_too_long"}


def test_common_ones() -> None:
    (code,) = codes("q1w2e3r4t5y6")
    assert code in ("password_too_common", "password_known")


@pytest.mark.parametrize("password", ["password1234", "Password1234", "trustno1trustno1", "thorshandsomehorns"])
def test_a_million_known_ones_are_refused_without_a_file(password: str, settings: Any) -> None:
    settings.PORTAL_KNOWN_PASSWORDS_FILE = None
    assert "password_known" in codes(password)


@pytest.mark.parametrize("password", ["Winter2026Winter2026", "xq" * 32])
def test_predictable_ones(password: str) -> None:
    assert codes(password) == {"password_predictable"}


def test_no_text_makes_an_error_that_is_shown_with_it(alice: User, acme: Organization) -> None:
    for length in range(1, 40):
        for character in ("a", "é", "€", "\n", "\0", "İ", "𐍈"):
            with pytest.raises(ValidationError) as refused:
                validate_password(character * length, alice)
            assert character * MIN_LENGTH not in " ".join(refused.value.messages)


@pytest.mark.parametrize("password", ["drayage12345", "acme-acme-2026", "Alice@Acme.Example!", "Drayage-Acme-1"])
def test_own_words_do_not_count(password: str, alice: User, acme: Organization) -> None:
    assert codes(password, alice) == {"password_own_words"}


def test_own_address_without_a_long_word_does_not_count() -> None:
    assert codes("al.bo@io.de.x", User(email="al.bo@io.de")) == {"password_own_words"}
    assert codes("al.bo@io.d3.x", User(email="al.bo@io.de")) == {"password_own_words"}


@pytest.mark.parametrize("password", ["alice@acme.example", "Password1234", "password", "Alice2026"])
def test_one_message_says_it(password: str, alice: User, acme: Organization) -> None:
    assert len(codes(password, alice)) == 1


def test_own_words_in_a_long_password_are_fine(alice: User, acme: Organization) -> None:
    assert codes("the acme ferry leaves at nine", alice) == set()


@pytest.mark.parametrize("count", [1, 2, 3, 100])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_each_known_one_is_found(count: int, ending: str, tmp_path: Path) -> None:
    known = [f"known password {number}" for number in range(count)]
    path = listing(tmp_path, known, ending)
    assert all(is_listed(password, path) for password in known)
    assert not any(is_listed(f"another {number}", path) for number in range(50))


def test_a_known_one_is_refused(tmp_path: Path, settings: Any) -> None:
    settings.PORTAL_KNOWN_PASSWORDS_FILE = listing(tmp_path, [GOOD, "something else"])
    assert codes(GOOD) == {"password_known"}
    assert codes("a sentence nobody has used") == set()


@pytest.mark.parametrize("content", [None, "", "no hashes at all\n", "\0" * 500])
def test_an_odd_list_refuses_nothing(content: str | None, tmp_path: Path, settings: Any) -> None:
    path = tmp_path / "odd.txt"
    if content is not None:
        path.write_text(content)
    settings.PORTAL_KNOWN_PASSWORDS_FILE = path
    assert codes(GOOD) == set()


def test_hashes_are_argon2id_with_owasps_parameters(settings: Any) -> None:
    from portal.settings import PASSWORD_HASHERS

    settings.PASSWORD_HASHERS = PASSWORD_HASHERS
    assert make_password(GOOD).startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")


def test_an_earlier_hash_is_made_again_and_the_mark_with_it(alice: User, settings: Any) -> None:
    from portal.settings import PASSWORD_HASHERS

    settings.PASSWORD_HASHERS = PASSWORD_HASHERS[1:]
    alice.set_password(GOOD)
    alice.set_authority_mark()
    alice.save()
    assert alice.password.startswith("pbkdf2_sha256$")

    settings.PASSWORD_HASHERS = PASSWORD_HASHERS
    assert User.objects.get(pk=alice.pk).check_password(GOOD)
    row = User.objects.get(pk=alice.pk)
    assert row.password.startswith("argon2$argon2id$")
    assert row.is_unaltered
