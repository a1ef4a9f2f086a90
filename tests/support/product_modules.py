"""The product's modules with their syntax trees, for tests that read the source."""

from __future__ import annotations

import ast
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent.parent
APPS = ("registries", "groups", "portal")
"""Lowest first."""


def modules() -> dict[str, Path]:
    """The file of each module by dotted name, but for migrations and the apps' own `__init__`."""
    found = {}
    for app in APPS:
        for path in sorted((CHECKOUT / app).rglob("*.py")):
            name = ".".join(path.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__")
            if "migrations" not in path.parts and name != app:
                found[name] = path
    return found


MODULES = modules()
TREES = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}
