"""The JSON objects of registries, which others wrote and other programs read as well.

Only size is limited: in bytes, depth and number of values. What is too large is not called invalid, and parts that
nobody here uses may name a thing twice or hold numbers that we can't keep. Whoever uses a part asks `names_twice` about
it first, because another reader may see another value there. `registries.oci.strict_json` is for what is written for
this portal.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import NoReturn

from registries.oci.strict_json import JsonInvalid

MAX_MARKS = 1_000_000
"""Limit of brackets, commas and strings, so that what is read takes some ten times the bytes that it has. The limit of
depth is Python's own, of nearly a thousand."""
_MAX_DIGITS = 20

_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)


class _Ambiguous(dict[str, object]):
    """An object with names that come more than once."""

    repeated: frozenset[str] = frozenset()


def read_object(raw: bytes, limit: int) -> dict[str, object]:
    """Return the JSON object in `raw`, which is at most `limit` bytes. Of a name that comes twice, the last one counts.
    Raises `JsonInvalid`, with `raw` `size` for what is too large and `json` for what is no JSON object."""
    if len(raw) > limit:
        raise JsonInvalid(f"it is larger than {limit // (1024 * 1024)} MiB", "size")
    try:
        text = raw.decode("utf-8")
        _check_size(text)
        document = json.loads(text, object_pairs_hook=_read_pairs, parse_int=_read_int, parse_constant=_refuse)
    except RecursionError:
        raise JsonInvalid("it is nested too deep", "size") from None
    except JsonInvalid:
        raise
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise JsonInvalid("it is not valid JSON", "json")
    return document


def names_twice(document: dict[str, object], *used: str) -> bool:
    """Whether one of the names in `used` comes more than once in an object that was read here."""
    return isinstance(document, _Ambiguous) and not document.repeated.isdisjoint(used)


def _check_size(text: str) -> None:
    if _count_marks(text) + text.count('"') // 2 <= MAX_MARKS:  # with what stands within strings
        return
    outside, strings = _STRING.subn("", text)
    if _count_marks(outside) + strings > MAX_MARKS:
        raise JsonInvalid("it has more parts than an image can have", "size")


def _count_marks(text: str) -> int:
    return sum(map(text.count, "[]{},"))


def _read_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    ambiguous = _Ambiguous(found)
    ambiguous.repeated = frozenset(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
    return ambiguous


def _read_int(text: str) -> int | float:
    return int(text) if len(text) <= _MAX_DIGITS else float(text)


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)
