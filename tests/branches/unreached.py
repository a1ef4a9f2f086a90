"""The branches that are not reached: those in coverage's report, and those that are named with the reason."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.product_modules import CHECKOUT

LIST = Path(__file__).with_name("unreached.toml")


@dataclass(frozen=True)
class Branch:
    """A way from one line of a module to another that no test takes: `line` is the text that it leaves, `to` the text
    where it arrives, empty for the end of the function. `number` is only for the report."""

    module: str
    line: str
    to: str
    number: int = 0

    def __str__(self) -> str:
        return f"{self.module}:{self.number} {self.line}  ->  {self.to or 'the end'}"


def missing(report: Mapping[str, Any], modules: Iterable[Path]) -> list[Branch]:
    """The branches of these modules that are missing in a report of `coverage json`. A module that no test imports
    counts as one branch."""
    found = []
    for module in modules:
        entry = report["files"].get(str(module))
        if entry is None:
            found.append(Branch(str(module), "import", ""))
            continue
        lines = [line.strip() for line in (CHECKOUT / module).read_text().splitlines()]
        for start, end in entry["missing_branches"]:
            found.append(Branch(str(module), lines[abs(start) - 1], lines[end - 1] if end > 0 else "", abs(start)))
    return found


def unnamed(branches: Iterable[Branch]) -> list[Branch]:
    """Those that the list doesn't name."""
    named = Counter((entry["module"], entry["line"], entry["to"]) for entry in entries())
    left = []
    for branch in branches:
        key = (branch.module, branch.line, branch.to)
        if named[key]:
            named[key] -= 1
        else:
            left.append(branch)
    return left


def entries() -> list[dict[str, str]]:
    """What the list says: `module`, `line`, `to` and `why` of each branch."""
    found: list[dict[str, str]] = tomllib.loads(LIST.read_text()).get("branch", [])
    return found
