"""Bars whose segments are as long as what they stand for is large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BAR_LENGTH = 1000.0
"""The length of a bar in the units of its drawing."""


@dataclass(frozen=True)
class Segment:
    """Where a part begins, and how long it is drawn."""

    start: float
    length: float

    @property
    def end(self) -> float:
        return self.start + self.length


def segments(
    values: Sequence[int],
    *,
    length: float = BAR_LENGTH,
    whole: int | None = None,
    gap: float = 0.0,
    min_length: float = 0.0,
) -> list[Segment]:
    """Return a segment for each value, one behind the other, in proportion to the values.

    All of `length` stands for `whole`, by default the sum of the values. Between two segments is a gap, and small
    values keep a length that can be seen; where there are too many values for that, both shrink.
    """
    total = sum(values)
    if not total:
        return []
    gap = min(gap, length / len(values) / 3)
    filled = max(length * total / (whole or total), min(min_length, length)) + gap
    least = min(min_length + gap, filled / len(values))
    spare = filled - least * len(values)
    found, start = [], 0.0
    for value in values:
        slot = least + spare * value / total
        found.append(Segment(round(start, 2), round(max(slot - gap, 0.0), 2)))
        start += slot
    return found
