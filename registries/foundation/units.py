"""Sizes in bytes as people write and read them. Units are powers of 1,000, as registries count."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

MAX_BYTES = 2**63 - 1
"""What a column of the database holds."""

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")
_DIGITS = 3
_SIZE = re.compile(r"([0-9]{1,19})(?:[.,]([0-9]{1,9}))?\s*(|bytes?|[kMGTP]B)", re.ASCII | re.IGNORECASE)
_POWERS = {"": 0, "byte": 0, **{name.lower(): power for power, name in enumerate(_UNITS)}}


class SizeInvalid(ValueError):
    """A text is not a size; the message says what to write instead."""


def format_size(count: int, digits: int = _DIGITS) -> str:
    """Return bytes rounded to `digits` significant digits, such as `1.24 GB`, `312 MB` or `1 byte`. Whole numbers keep
    all their digits, and zeros at the end of a fraction are left out."""
    unit = _unit_of(count, digits)
    return f"{_without_zeros(_scaled(count, unit, digits))} {'byte' if count == 1 else _UNITS[unit]}"


def format_sizes_apart(one: int, other: int) -> tuple[str, str]:
    """Return two sizes, with as many digits as it takes to tell them apart where they differ."""
    for digits in range(_DIGITS, 20):
        texts = format_size(one, digits), format_size(other, digits)
        if texts[0] != texts[1]:
            return texts
    return format_size(one), format_size(other)


def format_part(part: int, whole: int) -> str:
    """Return a part and its whole in the unit of the whole, such as `312 of 990 MB`. Both have the same number of
    decimals, so that a text that is updated keeps its width."""
    unit = _unit_of(whole, _DIGITS)
    places = _places(_scaled(whole, unit, _DIGITS), _DIGITS) if unit else 0
    texts = (f"{_rounded(Decimal(count).scaleb(-3 * unit), places)}" for count in (part, whole))
    return f"{' of '.join(texts)} {'byte' if whole == 1 else _UNITS[unit]}"


def format_exact_size(count: int) -> str:
    """Return a size that `parse_size` reads back exactly: with at most three decimals, or in plain bytes."""
    for power in range(len(_UNITS) - 1, 1, -1):
        unit = 1000**power
        if count >= unit and count % (unit // 1000) == 0:
            return f"{_without_zeros(Decimal(count).scaleb(-3 * power))} {_UNITS[power]}"
    return str(count)


def parse_size(text: str) -> int:
    """Read `20 GB`, `1.5 TB`, `500 MB` or plain bytes. Raises SizeInvalid."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise SizeInvalid("Write a size such as 20 GB or 500 MB.")
    fraction = found[2] or ""
    unit: int = 1000 ** _POWERS[found[3].lower()]
    count = int(found[1] + fraction) * unit // int(10 ** len(fraction))
    if count > MAX_BYTES:
        raise SizeInvalid("That is too much.")
    return count


def _unit_of(count: int, digits: int) -> int:
    """Which unit the rounded size is written in: 999,500,000 bytes are 1 GB, and never 1000 MB."""
    unit = 0
    while unit < len(_UNITS) - 1 and _scaled(count, unit, digits) >= 1000:
        unit += 1
    return unit


def _scaled(count: int, unit: int, digits: int) -> Decimal:
    value = Decimal(count).scaleb(-3 * unit)
    return _rounded(value, _places(value, digits)) if unit else value


def _places(value: Decimal, digits: int) -> int:
    return max(0, digits - 1 - value.adjusted())


def _rounded(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def _without_zeros(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
