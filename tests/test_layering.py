"""Who may import whom: portal → groups → registries, `registries.oci` knows no Django, the agent knows nobody."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent
FORBIDDEN = {
    "registries": ("groups", "portal"),
    "registries/oci": (
        "django",
        "registries.models",
        "registries.actions",
        "registries.providers",
        "registries.secrets.credential_seal",
    ),
    "registries/providers": ("django", "registries.models", "registries.forms.credential", "registries.actions"),
    "groups": ("portal",),
    "groups/agent": ("django", "groups.models", "groups.delivery", "groups.nodes", "groups.ingest", "registries"),
    "groups/ingest": (
        "groups.actions.lifecycle",
        "groups.web.group_views",
        "groups.jobs",
        "groups.nodes",
        "groups.delivery",
    ),
    "groups/models": (
        "groups.rules.states",
        "groups.actions.lifecycle",
        "groups.ingest",
        "groups.nodes",
        "groups.delivery",
    ),
}


def imports(path: Path) -> Iterator[str]:
    """Every module that the file names in an import, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides its layer"
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_lower_layers_know_no_higher_ones(folder: str) -> None:
    files = [path for path in (CHECKOUT / folder).rglob("*.py") if "migrations" not in path.parts]
    assert files
    for path in files:
        for name in imports(path):
            above = [each for each in FORBIDDEN[folder] if name == each or name.startswith(each + ".")]
            assert not above, f"{path.relative_to(CHECKOUT)} imports {name}"
