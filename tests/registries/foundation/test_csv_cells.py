"""No cell of an exported file is computed by a spreadsheet."""

from __future__ import annotations

import pytest

from registries.foundation.csv_cells import safe_cell


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "|calc",
        "%0A",
        "\t1",
        "\r1",
        "\n1",
        "\t",
        " =1+1",
        "\u00a0\u3000=1+1",
        "\ufeff=1+1",
        "\u200b \u200f@x",
        "\uff1d1+1",  # full width
        "\uff0b1",
        "\uff0d1",
        "\uff20x",
        "\ufe661",  # small
    ],
)
def test_what_could_be_a_formula_gets_an_apostrophe(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", " ", "web", "a=b", "'=1", "1 → 2", "{}", "bob@acme.example", "0"])
def test_other_text_stays(text: str) -> None:
    assert safe_cell(text) == text
