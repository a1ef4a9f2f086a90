"""Lines of CSV whose cells a spreadsheet shows and does not compute."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable

_FORMULA = frozenset("=+-@|%")
"""What a formula, or a command to another program (`|`), begins with."""
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"


def csv_line(cells: Iterable[str], *, quote_all: bool = False) -> str:
    """Return one line, with its line end. Cells are quoted where they must be, or all with `quote_all`. A cell that a
    spreadsheet could compute gets an apostrophe in front."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL, lineterminator="\r\n")
    writer.writerow([f"'{cell}" if _is_formula(cell) else cell for cell in cells])
    return out.getvalue()


def _is_formula(cell: str) -> bool:
    """Some spreadsheets skip blanks and invisible characters first, and read full-width signs like the usual ones."""
    first = next((sign for sign in cell if not sign.isspace() and sign not in _INVISIBLE), "")
    return unicodedata.normalize("NFKC", first) in _FORMULA or cell.startswith(("\t", "\r", "\n"))
