"""Untrusted JSON: bounded in size, depth and number of values, and refused where it can be read in two ways."""

from __future__ import annotations

import json
import re
from typing import NoReturn

MAX_DEPTH = 32
MAX_MARKS = 200_000
_MAX_NUMBER_LENGTH = 20

# Strings, which are skipped, and the characters that open, close and separate. It always matches, so it is linear.
_MARKS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]|,', re.DOTALL)


class JsonInvalid(ValueError):
    """A text is not one JSON object, or is too large or too deep. `reason` is a clause about "it"; `raw` is `size` or
    `json`."""

    def __init__(self, reason: str, raw: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.raw = raw


def read_object(raw: bytes, limit: int) -> dict[str, object]:
    """Return the JSON object in `raw`, which is at most `limit` bytes. Raises `JsonInvalid` if it is invalid or
    ambiguous."""
    if len(raw) > limit:
        raise JsonInvalid(f"it is larger than {limit // (1024 * 1024)} MiB", "size")
    try:
        text = raw.decode("utf-8")
        _check_shape(text)
        document = json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_int=_bounded_int,
            parse_float=_bounded_float,
            parse_constant=_refuse,
        )
        # Lone surrogates are valid JSON but fail when they are stored.
        if "\\u" in text:
            json.dumps(document, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise JsonInvalid("it is not valid JSON", "json")
    return document


def _check_shape(text: str) -> None:
    depth = 0
    for count, mark in enumerate(_MARKS.finditer(text)):
        sign = mark[0][0]
        if sign in "[{":
            depth += 1
        elif sign in "]}":
            depth -= 1
        if depth > MAX_DEPTH or count > MAX_MARKS:
            raise ValueError("shape")


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def _bounded_int(text: str) -> int:
    if len(text) > _MAX_NUMBER_LENGTH:
        raise ValueError("number")
    return int(text)


def _bounded_float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("number")
    return number


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)
