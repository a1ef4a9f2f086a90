"""A module that must not be imported, with a function that must not be called. Tests name it in hostile jobs."""

from __future__ import annotations

import os
from pathlib import Path

MARK = os.environ.get("DRAYAGE_CANARY", "")
if MARK:
    Path(MARK).write_text("imported")


def run(*arguments: object, **keywords: object) -> None:
    """Leave a mark."""
    if MARK:
        Path(MARK).write_text("called")
