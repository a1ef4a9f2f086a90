"""Exchanging the code of functions gives what importing the mutant would give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import FunctionType

import pytest

from tests.mutants import apply
from tests.mutants.apply import FunctionKey, NeedsImport, changed_functions, exchange

pytestmark = pytest.mark.slow

SOURCE = """
LIMIT = 3

def double(number):
    return number * 2

def adder(more):
    def add(number):
        return number + more
    return add

add_one = adder(1)

class Counter:
    step = 1

    @property
    def next(self):
        return self.step + 1
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """The module, imported."""
    monkeypatch.setattr(apply, "CHECKOUT", tmp_path)
    (tmp_path / "module.py").write_text(SOURCE)
    names: dict[str, object] = {"__name__": "module"}
    exec(compile(SOURCE, str(tmp_path / "module.py"), "exec"), names)
    return names


def mutate(old: str, new: str) -> None:
    present: dict[FunctionKey, list[FunctionType]] = apply.functions()
    exchange(changed_functions(Path("module.py"), SOURCE.replace(old, new, 1)), present)


def called(module: dict[str, object], name: str) -> Callable[[int], int]:
    function = module[name]
    assert callable(function)
    return function


def test_a_function(module: dict[str, object]) -> None:
    mutate("number * 2", "number * 3")
    assert called(module, "double")(2) == 6
    assert called(module, "add_one")(2) == 3


def test_a_function_in_a_function_that_was_made_already(module: dict[str, object]) -> None:
    mutate("number + more", "number - more")
    assert called(module, "add_one")(2) == 1


def test_a_property(module: dict[str, object]) -> None:
    mutate("self.step + 1", "self.step - 1")
    counter = module["Counter"]
    assert isinstance(counter, type)
    assert counter().next == 0


@pytest.mark.parametrize(
    ("old", "new"), [("LIMIT = 3", "LIMIT = 4"), ("step = 1", "step = 2"), ("@property", ""), ("adder(1)", "adder(2)")]
)
def test_what_runs_at_import_needs_one(module: dict[str, object], old: str, new: str) -> None:
    with pytest.raises(NeedsImport):
        mutate(old, new)
