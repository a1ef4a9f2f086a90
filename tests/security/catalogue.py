"""The catalogue in `catalogue.toml`: what must not go wrong, case by case, each with the tests that try it.

A table is a category: its `title`, and `cases`, a list of tables:

    id        unique, `category.name`
    case      what is done, in words
    origin    where the case comes from: a CVE, an issue of a public project, an audit by its date, an invariant
    test      names of test functions (`tests/...::test_name`), or of one case of them (`...::test_name[id]`)
    input     what is typed or sent, if it is short; one of the tests' files contains it
    cell      in `faults`: `part/fault`, a cell of the table of faults
    invariant in `invariants`: its letter
    open      instead of tests: who is going to add them
    reason    instead of tests: why nothing can happen here
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.slow.listing import exists, function_of

CATALOGUE = Path(__file__).with_name("catalogue.toml")


@dataclass(frozen=True)
class Case:
    """A row of the catalogue; see the module."""

    category: str
    id: str
    case: str
    origin: str
    test: tuple[str, ...] = ()
    input: str = ""
    cell: str = ""
    invariant: str = ""
    open: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Category:
    name: str
    title: str
    cases: tuple[Case, ...]


def read(path: Path = CATALOGUE) -> list[Category]:
    """Return the categories in the order of the file. Raises TypeError for a key that no case has."""
    document: dict[str, Any] = tomllib.loads(path.read_text())
    return [
        Category(name, table["title"], tuple(_case(name, **row) for row in table["cases"]))
        for name, table in document.items()
    ]


def _case(category: str, **row: Any) -> Case:
    return Case(category, **row | {"test": tuple(row.get("test", ()))})


def cases(categories: list[Category] | None = None) -> Iterator[Case]:
    for category in read() if categories is None else categories:
        yield from category.cases


def listed(categories: list[Category]) -> set[str]:
    """The names of all tests in the catalogue."""
    return {test for case in cases(categories) for test in case.test}


def is_listed(nodeid: str, names: set[str]) -> bool:
    """Whether a case of a test is one of these, by its own name or by that of its function."""
    return nodeid in names or function_of(nodeid) in names


def mistakes(categories: list[Category]) -> list[str]:
    """What is wrong with the catalogue itself, without running anything."""
    found = []
    counts = Counter(case.id for case in cases(categories))
    found += [f"{name} is there {count} times" for name, count in counts.items() if count > 1]
    found += [f"{category.name} has no cases" for category in categories if not category.cases]
    for case in cases(categories):
        if not case.id.startswith(f"{case.category}."):
            found.append(f"{case.id} is in {case.category}")
        if not case.case or not case.origin:
            found.append(f"{case.id} does not say what is done, or where it comes from")
        if sum(map(bool, (case.test, case.open, case.reason))) != 1:
            found.append(f"{case.id} needs tests, or who adds them, or a reason to have none")
        found += [f"{case.id}: there is no {test}" for test in case.test if not exists(function_of(test))]
    return found
