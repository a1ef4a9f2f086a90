"""Which bytes a Range asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groups.delivery.ranges import Span, Unsatisfiable, read_range


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [("bytes=0-0", 0, 0), ("bytes=3-", 3, 9), ("Bytes= 2-4", 2, 4), ("bytes=-3", 7, 9), ("bytes=-99", 0, 9)],
)
def test_one_range(header: str, first: int, last: int) -> None:
    assert read_range(header, 10) == Span(first, last, 10, is_part=True)


@pytest.mark.parametrize(
    "header", ["bytes=10-", "bytes=10-10", "bytes=5-4", "bytes=99-9", "bytes=-0", "bytes=-", "bytes=0"]
)
def test_a_range_without_bytes(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        read_range(header, 10)
    with pytest.raises(Unsatisfiable):
        read_range("bytes=0-", 0)


def test_ends_beyond_the_body_are_cut() -> None:
    assert read_range("bytes=8-1000", 10).content_range == "bytes 8-9/10"


@pytest.mark.parametrize("header", [None, "", "lines=1-2", "bytes"])
def test_the_whole_without_one(header: str | None) -> None:
    if header == "bytes":
        with pytest.raises(Unsatisfiable):
            read_range(header, 10)
        return
    assert read_range(header, 10) == Span(0, 9, 10, is_part=False)


@given(st.text(max_size=40), st.integers(0, 100))
def test_anything_gives_bytes_that_exist_or_none(text: str, size: int) -> None:
    try:
        span = read_range(f"bytes={text}", size)
    except Unsatisfiable:
        return
    assert 0 <= span.first <= span.last < size
