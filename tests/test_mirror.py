"""`tests/` mirrors the product: a module's test is found by its name, and what deviates is listed here.

`groups/rules/quotas.py` is tested by `tests/groups/rules/test_quotas.py`, or by several files whose names begin with
that (`test_quotas_….py`). A test that is about a whole folder has the folder's name and place.
"""

from __future__ import annotations

import ast
from pathlib import Path

from tests.support.product_modules import APPS, CHECKOUT, MODULES, TREES

TESTS = CHECKOUT / "tests"
SEVERAL: dict[str, str] = {}
"""Tests that are about no single module, and what they are about."""
TESTED_BY: dict[str, str] = {}
"""Modules without a test of their own, with the test that shows what they do: through a page, a command or an API."""


def files() -> list[Path]:
    """The tests of the apps, relative to the folder of tests."""
    return sorted(path.relative_to(TESTS) for app in APPS for path in (TESTS / app).rglob("test_*.py"))


def modules_of(test: Path) -> list[str]:
    """The modules or folders that a test is about by its name, as paths without a suffix."""
    name = test.stem.removeprefix("test_")
    words = name.split("_")
    names = {"_".join(words[:count]) for count in range(1, len(words) + 1)}
    folder = CHECKOUT / test.parent
    return [str(test.parent / name) for name in names if (folder / f"{name}.py").exists() or (folder / name).is_dir()]


def own_tests() -> dict[str, list[str]]:
    """The tests of each module or folder by dotted name."""
    found: dict[str, list[str]] = {}
    for test in files():
        for module in modules_of(test):
            found.setdefault(module.replace("/", "."), []).append(str(test))
    return found


def has_code(name: str) -> bool:
    """Whether there is a function in the module; a list of declarations shows in what uses it."""
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in ast.walk(TREES[name]))


def test_each_test_is_where_its_module_is() -> None:
    homeless = [str(test) for test in files() if not modules_of(test)]
    assert sorted(homeless) == sorted(SEVERAL)


def test_each_module_has_a_test_or_says_where_it_is_tested() -> None:
    own = own_tests()
    untested = {name for name in MODULES if has_code(name) and MODULES[name].name != "__init__.py" and name not in own}
    assert untested - TESTED_BY.keys() == set()
    assert TESTED_BY.keys() - untested == set(), "has a test of its own, or no code"


def test_the_tests_that_are_named_exist() -> None:
    assert [test for test in TESTED_BY.values() if not (TESTS / test).exists()] == []
