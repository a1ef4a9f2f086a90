"""A pytest plugin for one mutant in a process of its own: the product is imported as the mutant changes it."""

from __future__ import annotations

import json
import os
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

VARIABLE = "MUTANT"
"""Names a JSON file: the module's `path`, its `source`, and the `tests` to run in this order."""
_really = SourceFileLoader.get_code


def _get_code(self: SourceFileLoader, fullname: str) -> CodeType | None:
    if self.path == _mutant["path"]:
        return compile(_mutant["source"], self.path, "exec", dont_inherit=True)
    return _really(self, fullname)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {test: place for place, test in enumerate(_mutant["tests"])}
    items[:] = sorted((item for item in items if item.nodeid in order), key=lambda item: order[item.nodeid])


_mutant: dict[str, Any] = json.loads(Path(os.environ[VARIABLE]).read_text()) if VARIABLE in os.environ else {}
if _mutant:  # when the plugin is loaded, before anything imports the product
    SourceFileLoader.get_code = _get_code  # type: ignore[method-assign, assignment]
