"""Templates can be read, and changes to them reviewed, a line at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "templates"
TEMPLATES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file())
MAX_LINE = 160
"""A line is 120 characters where that reads well. Django can't break a tag, nor plain text without a blank."""


def test_there_are_templates() -> None:
    assert "base.html" in TEMPLATES


@pytest.mark.parametrize("name", TEMPLATES)
def test_lines_are_short(name: str) -> None:
    lines = (FOLDER / name).read_text().splitlines()
    too_long = {number: len(line) for number, line in enumerate(lines, start=1) if len(line) > MAX_LINE}
    assert too_long == {}
