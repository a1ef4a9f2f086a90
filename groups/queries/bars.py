"""Bars with segments in proportion to values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BAR_LENGTH = 1000.0
"""The length of a whole bar, in units of its drawing."""


@dataclass(frozen=True)
class Segment:
    """The start and the length of a part, in units of the drawing."""

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
    """Return a segment for each value, one after the other, in proportion to the values.

    `length` represents `whole`, by default the sum of the values. Segments are `gap` apart and at least `min_length`
    long; with too many values for that, both shrink.
    """
    total = sum(values)
    if not total:
        return []
    gap = min(gap, length / len(values) / 3)
    filled = max(length * total / (whole or total), min(min_length, length)) + gap
    least = min(min_length + gap, filled / len(values))
    spare = filled - least * len(values)
    parts, start = [], 0.0
    for value in values:
        slot = least + spare * value / total
        parts.append(Segment(round(start, 2), round(max(slot - gap, 0.0), 2)))
        start += slot
    return parts
