"""What is counted of passwords that guessers try first."""

from __future__ import annotations

import random
import string

import pytest

from portal.accounts.password_rules import MIN_LENGTH, MIN_UNPREDICTABLE
from portal.accounts.predictable_passwords import MAX_EXAMINED, unpredictable_length


@pytest.mark.parametrize(
    "password",
    [
        "aaaaaaaaaaaa",
        "abcdefghijkl",
        "ZYXWVUTSRQPO",
        "123456789012",
        "987654321098",
        "qwertyuiopas",
        "poiuytrewqlkj",
        "1qaz2wsx3edc",
        "qwertzuiopyxcvbn",
        "20262026202620",
        "abcabcabcabc",
        "!@#$%^&*()!!",
    ],
)
def test_sequences_rows_and_repetitions(password: str) -> None:
    assert unpredictable_length(password) < MIN_UNPREDICTABLE


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Password2026!",
        "qwertyuiop123",
        "passwordpassword",
        "P@ssw0rd1234",
        "iloveyou1234",
        "letmeinletmein",
        "monkeydragon",
        "Winter2026Winter2026",
        "Admin123456!",
        "Sommer2026!!!",
    ],
)
def test_common_ones_with_something_appended(password: str) -> None:
    assert unpredictable_length(password) < MIN_UNPREDICTABLE


@pytest.mark.parametrize(
    "password",
    ["correct horse battery staple", "dragon monkey 7 lamp", "x7-Kq2.9fLm!", "the acme ferry leaves at nine"],
)
def test_sentences_and_random_ones(password: str) -> None:
    assert unpredictable_length(password) >= MIN_UNPREDICTABLE


def test_random_ones_are_never_refused() -> None:
    choose = random.Random(7)
    for letters in (string.ascii_lowercase, string.digits, string.printable):
        for _ in range(300):
            password = "".join(choose.choices(letters, k=MIN_LENGTH))
            assert unpredictable_length(password) >= MIN_UNPREDICTABLE, password


def test_each_repetition_of_a_password_counts_once() -> None:
    assert unpredictable_length("x7-Kq2.9fLm!" * 3) == unpredictable_length("x7-Kq2.9fLm!") + 1


@pytest.mark.parametrize("character", ["a", "0", "İ"])
def test_no_more_is_examined_than_the_limit(character: str) -> None:
    assert unpredictable_length(character * MAX_EXAMINED + "x7-Kq2.9fLm!") == unpredictable_length(
        character * MAX_EXAMINED
    )


def test_nothing_counts_nothing() -> None:
    assert unpredictable_length("") == 0
