"""What coverage reports is compared with what is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.branches import unreached
from tests.branches.unreached import Branch, entries, missing, unnamed
from tests.support.product_modules import CHECKOUT

MODULE = Path("registries/foundation/clock.py")
LINES = [line.strip() for line in (CHECKOUT / MODULE).read_text().splitlines()]
START = LINES.index("query = Query(None)") + 1


def test_a_missing_branch_is_told_by_its_lines() -> None:
    report = {"files": {str(MODULE): {"missing_branches": [[START, START + 1], [START + 1, -START]]}}}

    assert missing(report, [MODULE]) == [
        Branch(str(MODULE), "query = Query(None)", 'query.add_annotation(Now(), "now")', START),
        Branch(str(MODULE), 'query.add_annotation(Now(), "now")', "", START + 1),
    ]


def test_a_module_that_is_never_imported_counts_too() -> None:
    assert missing({"files": {}}, [MODULE]) == [Branch(str(MODULE), "import", "")]


def test_one_entry_names_one_branch(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"module": "a.py", "line": "if x:", "to": "", "why": "x is never false"}
    monkeypatch.setattr(unreached, "entries", lambda: [entry])
    same = Branch("a.py", "if x:", "")

    assert unnamed([same]) == []
    assert unnamed([same, same]) == [same]
    assert unnamed([Branch("b.py", "if x:", ""), Branch("a.py", "if x:", "y()")]) != []


def test_each_entry_is_a_line_of_today_and_says_why() -> None:
    for entry in entries():
        lines = {line.strip() for line in (CHECKOUT / entry["module"]).read_text().splitlines()}
        assert entry["line"] in lines
        assert entry["to"] in lines | {""}
        assert len(entry["why"].split()) > 3
