"""How many guesses a password is worth that is put together from what guessers try first: common passwords, runs of the
alphabet, of digits and of a keyboard, years and repetitions.

Each part counts instead of its characters: a common password, of which there are 20,000, about as much as two
characters that nobody can predict, and any other part as much as one. The estimator zxcvbn does the same with more
words, but takes up to 13 seconds for 72 characters of a certain kind.
"""

from __future__ import annotations

import re
from functools import cache

from django.contrib.auth.password_validation import CommonPasswordValidator

MAX_EXAMINED = 100
"""Characters of a password that are looked at: the rest of a longer one is not counted."""
MIN_RUN = 3
MIN_WORD_LENGTH = 4
MAX_WORD_LENGTH = 20
WORD_COST = 2
_KEYBOARDS = (
    "qwertyuiop asdfghjkl zxcvbnm",
    "qwertzuiop yxcvbnm",
    "azertyuiop qsdfghjklm wxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "1234567890 !@#$%^&*()",
)
_ROWS = tuple(row[::step] for keys in _KEYBOARDS for row in keys.split() for step in (1, -1))
_YEAR = re.compile(r"(?:19|20)[0-9][0-9]")
_LETTERS = (str.maketrans("@4310$57!", "aaeiossti"), str.maketrans("@4310$57!", "aaelossti"))
"""Signs that are written instead of letters; 1 is an i or an l."""


def unpredictable_length(password: str) -> int:
    """Return how many characters of the password count: the fewest that any division into parts has."""
    text = password[:MAX_EXAMINED].lower()[:MAX_EXAMINED]
    texts = {text, *(text.translate(letters) for letters in _LETTERS)}
    repeated = _repetitions(text)
    costs = [0] + [len(text)] * len(text)
    for start in range(len(text)):
        before = costs[start]
        run = max(_run(text, start), _row(text, start), repeated[start])
        for end in range(start + 1, start + max(run, 1) + 1):
            costs[end] = min(costs[end], before + 1)
        if _YEAR.match(text, start):
            costs[start + 4] = min(costs[start + 4], before + 1)
        for end in range(start + MIN_WORD_LENGTH, min(start + MAX_WORD_LENGTH, len(text)) + 1):
            if costs[end] > before + WORD_COST and any(spelling[start:end] in _words() for spelling in texts):
                costs[end] = before + WORD_COST
    return costs[-1]


def _repetitions(text: str) -> list[int]:
    """How many characters from each position on repeat those right before it."""
    longest = [0] * len(text)
    for period in range(1, len(text)):
        run = 0
        for start in range(len(text) - 1, period - 1, -1):
            run = run + 1 if text[start] == text[start - period] else 0
            if run >= period:
                longest[start] = max(longest[start], run)
    return longest


def _run(text: str, start: int) -> int:
    """How many characters from here on follow each other in the alphabet or in numbers, in either direction."""
    lengths = []
    for step in (1, -1):
        end = start + 1
        while end < len(text) and ord(text[end]) - ord(text[end - 1]) == step:
            end += 1
        lengths.append(end - start)
    return max(lengths) if max(lengths) >= MIN_RUN else 0


def _row(text: str, start: int) -> int:
    """How many characters from here on are side by side on a keyboard."""
    longest = 0
    for row in _ROWS:
        at, length = row.find(text[start]), 0
        while 0 <= at < len(row) and start + length < len(text) and text[start + length] == row[at]:
            at, length = at + 1, length + 1
        longest = max(longest, length)
    return longest if longest >= MIN_RUN else 0


@cache
def _words() -> frozenset[str]:
    """Django's common passwords."""
    return frozenset(word for word in CommonPasswordValidator().passwords if len(word) >= MIN_WORD_LENGTH)
