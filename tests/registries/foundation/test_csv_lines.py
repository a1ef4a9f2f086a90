"""A cell of an exported file is never a formula."""

from __future__ import annotations

import csv

import pytest

from registries.foundation.csv_lines import csv_line

FORMULAS = [
    "=1+1", "+1", "-1", "@SUM(A1)", "|calc", "%0A", "\t1", "\r1", "\n1", "\t", " =1+1", "\u00a0\u3000=1+1",
    "\ufeff=1+1", "\u200b \u200f@x",
    "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20x",  # full width
    "\ufe661",  # small
]  # fmt: skip


@pytest.mark.parametrize("cell", FORMULAS)
@pytest.mark.parametrize("quote_all", [False, True])
def test_a_formula_becomes_text(cell: str, quote_all: bool) -> None:
    line = csv_line([cell, "plain"], quote_all=quote_all)
    assert next(csv.reader([line], strict=True)) == [f"'{cell}", "plain"]


@pytest.mark.parametrize(
    "cell", ["", " ", "web", "1-2", "a=b", "'=1", "1 → 2", "{}", "bob@acme.example", "0", 'say "hi", twice']
)
def test_other_text_stays(cell: str) -> None:
    assert next(csv.reader([csv_line([cell])], strict=True)) == [cell]


def test_cells_are_quoted_where_it_is_asked_for() -> None:
    assert csv_line(["a", "1"]) == "a,1\r\n"
    assert csv_line(["a", "1"], quote_all=True) == '"a","1"\r\n'
