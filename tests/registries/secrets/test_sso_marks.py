"""A mark fits the columns that it was made from, in their table, and nothing else."""

from __future__ import annotations

import pytest

from registries.secrets.sso_marks import Marked, is_marked, mark_of

pytestmark = pytest.mark.usefixtures("_keys")


def test_it_fits_what_it_was_made_from() -> None:
    assert is_marked(mark_of(Marked.IDENTITY, 1, "s", None), Marked.IDENTITY, 1, "s", None)


@pytest.mark.parametrize(
    ("what", "columns"),
    [
        (Marked.DOMAIN, ("ab", "c")),
        (Marked.IDENTITY, ("a", "bc")),
        (Marked.IDENTITY, ("ab", "c", "")),
        (Marked.IDENTITY, ("ab", "d")),
    ],
)
def test_it_fits_nothing_else(what: Marked, columns: tuple[str, ...]) -> None:
    assert not is_marked(mark_of(Marked.IDENTITY, "ab", "c"), what, *columns)


@pytest.mark.parametrize("mark", ["", "x", "é" * 43])
def test_what_is_no_mark(mark: str) -> None:
    assert not is_marked(mark, Marked.IDENTITY, "ab")
