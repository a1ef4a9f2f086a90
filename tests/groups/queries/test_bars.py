"""Proportional bars: to scale, visible, and never longer than they may be."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from groups.queries.bars import BAR_LENGTH, Segment, segments


def test_segments_are_to_scale() -> None:
    assert segments([1, 3]) == [Segment(0.0, 250.0), Segment(250.0, 750.0)]


def test_a_gap_is_between_segments_and_not_behind_them() -> None:
    assert segments([1, 1], gap=10) == [Segment(0.0, 495.0), Segment(505.0, 495.0)]


def test_what_is_small_can_be_seen() -> None:
    small, large = segments([1, 1_000_000], min_length=24)
    assert small.length == pytest.approx(24, abs=0.01)
    assert large.end == pytest.approx(BAR_LENGTH)


def test_of_a_larger_whole_a_part_is_filled() -> None:
    (only,) = segments([30], whole=120)
    assert only == Segment(0.0, 250.0)


def test_nothing_has_no_segments() -> None:
    assert segments([]) == segments([0, 0]) == []


@pytest.mark.parametrize("values", [[1], [0, 5, 0], [1] * 500, [2**53, 1, 1], list(range(100))])
@pytest.mark.parametrize("options", [{}, {"gap": 6.0}, {"gap": 3.0, "min_length": 24.0}, {"whole": 2**60, "gap": 4.0}])
def test_segments_stay_in_the_bar_and_apart(values: list[int], options: dict[str, Any]) -> None:
    found = segments(values, **options)

    assert len(found) == len(values)
    assert found[-1].end <= BAR_LENGTH + 0.01
    for segment, following in pairwise(found):
        assert segment.length >= 0
        assert segment.end <= following.start + 0.011
