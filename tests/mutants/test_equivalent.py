"""The list of equivalent mutants names mutants that there are, and says why no test can notice them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.equivalent import Equivalent, equivalents
from tests.mutants.listing import mutants_of
from tests.support.product_modules import CHECKOUT

pytestmark = pytest.mark.slow


def test_each_entry_is_a_mutant_of_today() -> None:
    entries = equivalents()
    gone = []
    for module in sorted({entry.module for entry in entries}):
        own = [entry for entry in entries if entry.module == module]
        lines = [line.strip() for line in (CHECKOUT / module).read_text().splitlines()]
        changes = {mutant.change for mutant in mutants_of(Path(module)) if _may_be(own, lines, mutant.start[0])}
        gone += [(module, entry.before, after) for entry in own for after in entry.after
                 if (entry.before, after) not in changes]  # fmt: skip

    assert gone == []


def _may_be(entries: list[Equivalent], lines: list[str], number: int) -> bool:
    """Whether the mutant's line begins one of the entries: only those are made."""
    near = lines[max(0, number - 3) : number]
    return any(line and entry.before.startswith(line) for entry in entries for line in near)


def test_each_entry_says_why() -> None:
    assert [entry.before for entry in equivalents() if len(entry.why.split()) < 4] == []
