"""Cells of CSV files that people open in a spreadsheet: none of them is computed as a formula."""

from __future__ import annotations

import unicodedata

_FORMULA = frozenset("=+-@|%")
"""What a formula, or a command to another program (`|`), begins with."""
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"


def safe_cell(text: str) -> str:
    """Return the text, with an apostrophe in front if a spreadsheet could compute it. Some skip blanks and invisible
    characters first, and read full-width signs like the usual ones."""
    first = next((sign for sign in text if not sign.isspace() and sign not in _INVISIBLE), "")
    is_formula = unicodedata.normalize("NFKC", first) in _FORMULA
    return f"'{text}" if is_formula or text.startswith(("\t", "\r", "\n")) else text
