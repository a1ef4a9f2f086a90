"""Reads a `Range` of bytes (RFC 9110, section 14): one range or none. What is odd is refused, not guessed at."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ONE = re.compile(r"([0-9]{0,19})-([0-9]{0,19})")


class Unsatisfiable(ValueError):
    """The answer is 416."""


@dataclass(frozen=True)
class Span:
    """Bytes `first` to `last`, both included, of a body of `size` bytes."""

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
    """Return what is asked for; the whole for no range and for units other than bytes.

    Raises Unsatisfiable for a range that lies outside, runs backwards, can't be read, or is one of several.
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
        if found[2] and int(found[2]) < first:
            raise Unsatisfiable
    if first >= size or first > last:
        raise Unsatisfiable
    return Span(first, last, size, is_part=True)
