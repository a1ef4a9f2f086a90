"""An app's own folder has only its entry points and what the whole app builds on; everything else has a room."""

from __future__ import annotations

import ast

import pytest

from tests.support.product_modules import CHECKOUT

TOP_LEVEL = {
    "registries": {
        "actions", "admin", "authorities", "credential_rows", "hosts", "trust_views", "urls", "views",
    },
    "groups": {"failpoints", "failures", "jobs", "sweep", "urls", "worker"},
    "portal": {"settings", "urls", "wsgi"},
}  # fmt: skip


@pytest.mark.parametrize("app", TOP_LEVEL)
def test_no_other_module_is_directly_in_an_app(app: str) -> None:
    assert {path.stem for path in (CHECKOUT / app).glob("*.py")} == TOP_LEVEL[app] | {"__init__"}


@pytest.mark.parametrize("app", TOP_LEVEL)
def test_the_app_itself_holds_no_code(app: str) -> None:
    """Whoever imports one room would run it, and it belongs to none."""
    [docstring] = ast.parse((CHECKOUT / app / "__init__.py").read_text()).body
    assert isinstance(docstring, ast.Expr)
