"""An app's own folder holds only its entry points and its ground; all else has a room."""

from __future__ import annotations

from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent


@pytest.mark.parametrize(("app", "most"), [("groups", 14), ("portal", 8), ("registries", 14)])
def test_few_modules_are_directly_in_an_app(app: str, most: int) -> None:
    modules = [path.name for path in (CHECKOUT / app).glob("*.py")]
    assert 0 < len(modules) <= most, modules
