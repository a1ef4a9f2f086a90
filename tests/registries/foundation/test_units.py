"""Sizes in words: one rule for every page, API answer and message."""

from __future__ import annotations

import pytest

from registries.foundation.units import (
    MAX_BYTES,
    SizeInvalid,
    format_exact_size,
    format_part,
    format_size,
    format_sizes_apart,
    parse_size,
)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (1004, "1 kB"),
        (1005, "1.01 kB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (312_400_000, "312 MB"),
        (999_499_999, "999 MB"),
        (999_500_000, "1 GB"),
        (999_600_000, "1 GB"),
        (999_999_999, "1 GB"),
        (1_000_000_000, "1 GB"),
        (1_240_000_000, "1.24 GB"),
        (9_995_000_000, "10 GB"),
        (10_000_000_000, "10 GB"),
        (12_345_678_901, "12.3 GB"),
        (99_950_000_000, "100 GB"),
        (2**53, "9.01 PB"),
        (MAX_BYTES, "9223 PB"),
    ],
)
def test_sizes_for_people(count: int, text: str) -> None:
    assert format_size(count) == text


@pytest.mark.parametrize(
    ("one", "other", "texts"),
    [
        (10_000_000_001, 10_000_000_000, ("10.000000001 GB", "10 GB")),
        (999_999_999, 1_000_000_000, ("999.999999 MB", "1 GB")),
        (500, 400, ("500 bytes", "400 bytes")),
        (7, 7, ("7 bytes", "7 bytes")),
        (MAX_BYTES, MAX_BYTES - 1, ("9223.372036854775807 PB", "9223.372036854775806 PB")),
    ],
)
def test_sizes_that_differ_read_differently(one: int, other: int, texts: tuple[str, str]) -> None:
    assert format_sizes_apart(one, other) == texts


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (312_000_000, 990_000_000, "312 of 990 MB"),
        (5_000, 1_240_000_000, "0.00 of 1.24 GB"),
        (999_400_000, 1_500_000_000, "1.00 of 1.50 GB"),
        (999_999_999, 999_999_999, "1.00 of 1.00 GB"),
        (0, 999, "0 of 999 bytes"),
        (0, 1, "0 of 1 byte"),
        (0, 0, "0 of 0 bytes"),
    ],
)
def test_a_part_is_in_the_unit_of_its_whole(part: int, whole: int, text: str) -> None:
    assert format_part(part, whole) == text


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1_500_000, 1_500_000_000_000, 123_456_789_012_345, MAX_BYTES])
def test_an_exact_size_reads_back(count: int) -> None:
    assert parse_size(format_exact_size(count)) == count


@pytest.mark.parametrize("text", ["", "many", "-1", "1e9", "1.5.2 GB", "１ GB", "5 furlongs", "9999999 PB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(SizeInvalid):
        parse_size(text)
