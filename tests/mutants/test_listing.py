"""A mutant is a change that the program notices: what only type checkers read is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.listing import choose, mutants_of

pytestmark = pytest.mark.slow


def changes(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """The lines before and after of all mutants of a module."""
    monkeypatch.setattr("tests.mutants.listing.CHECKOUT", tmp_path)
    (tmp_path / "module.py").write_text(f"from __future__ import annotations\n{source}")
    return {mutant.change for mutant in choose(mutants_of(Path("module.py")), 1000)}


@pytest.mark.parametrize(
    "source",
    [
        "T = TypeVar('T', bound=int, contravariant=True)\n",
        "GroupId = NewType('GroupId', int)\n",
        "def f(request: A | B, /, org: 'Org') -> C | None: pass\n",
        "names: list[Literal['a', 'b']]\n",
        "if TYPE_CHECKING:\n    x = 1\n",
    ],
)
def test_types_are_left_alone(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert changes(source, tmp_path, monkeypatch) == set()


def test_what_runs_beside_them_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert changes("@dataclass(frozen=True, eq=False)\nclass A:\n    pass\n", tmp_path, monkeypatch) == {
        ("@dataclass(frozen=True, eq=False)", "@dataclass(frozen=True, eq=True)"),
        ("@dataclass(frozen=True, eq=False)", ""),
    }
    assert changes("def f(a: int = 1, /, *, b: int = 7) -> int: pass\n", tmp_path, monkeypatch) == {
        ("def f(a: int = 1, /, *, b: int = 7) -> int: pass", f"def f(a: int = {a}, /, *, b: int = {b}) -> int: pass")
        for a, b in ((0, 7), (2, 7), (1, 6), (1, 8))
    }


def test_the_choice_is_the_same_each_time_and_has_something_of_each_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.mutants.listing.CHECKOUT", tmp_path)
    body = "".join(f"    if a < {number} and not b:\n        raise E{number}\n" for number in range(20))
    (tmp_path / "module.py").write_text(f"def f(a, b):\n{body}")
    mutants = mutants_of(Path("module.py"))

    chosen = [mutant.key for mutant in choose(mutants, 12)]

    assert chosen == [mutant.key for mutant in choose(reversed(mutants), 12)]
    operators = {mutant.operator for mutant in mutants if mutant.key in chosen}
    assert {"GuardSkipper", "StatementRemover", "ReplaceComparisonOperator_Lt_LtE", "ReplaceAndWithOr"} <= operators
