"""Parses a `Range` of bytes (RFC 9110, section 14): one range or none. A malformed one is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ONE = re.compile(r"([0-9]{0,19})-([0-9]{0,19})")


class Unsatisfiable(ValueError):
    """The range is malformed or outside of the body; the response is 416."""


@dataclass(frozen=True)
class Span:
    """Bytes `first` to `last`, both inclusive, of a body of `size` bytes."""

    first: int
    last: int
    size: int
    is_part: bool

    @property
    def length(self) -> int:
        return self.last - self.first + 1

    @property
    def reaches_end(self) -> bool:
        return self.last == self.size - 1

    @property
    def content_range(self) -> str:
        return f"bytes {self.first}-{self.last}/{self.size}"


def read_range(header: str | None, size: int) -> Span:
    """Return the requested span; the whole body without a range and for units other than bytes.

    Raises Unsatisfiable for a range that is outside of the body, reversed or malformed, and for several ranges.
    """
    unit, _, text = (header or "").partition("=")
    if unit.strip().lower() != "bytes":
        return Span(0, size - 1, size, is_part=False)
    found = _ONE.fullmatch(text.strip())
    if found is None or found[0] == "-":
        raise Unsatisfiable
    if not found[1]:
        first, last = max(0, size - int(found[2])), size - 1
    else:
        first, last = int(found[1]), min(int(found[2]) if found[2] else size - 1, size - 1)
    if first > last:  # reversed, or it begins after the end
        raise Unsatisfiable
    return Span(first, last, size, is_part=True)
