"""The mutants that no test can notice, each with the reason, from `equivalent.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.listing import Mutant

LIST = Path(__file__).with_name("equivalent.toml")


@dataclass(frozen=True)
class Equivalent:
    """A line of a module and what mutants make of it. `after` may hold several."""

    module: str
    before: str
    after: tuple[str, ...]
    why: str

    def covers(self, mutant: Mutant) -> bool:
        """Whether the mutant is one of these."""
        if str(mutant.path) != self.module:
            return False
        before, after = mutant.change
        return before == self.before and after in self.after


def equivalents() -> list[Equivalent]:
    """Read the list."""
    entries = tomllib.loads(LIST.read_text()).get("mutant", [])
    return [Equivalent(entry["module"], entry["before"], tuple(entry["after"]), entry["why"]) for entry in entries]
