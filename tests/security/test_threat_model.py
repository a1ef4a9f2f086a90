"""Each promise of the threat model names the tests that hold it."""

from __future__ import annotations

import re

from tests.slow.listing import exists
from tests.support.product_modules import CHECKOUT

TEXT = (CHECKOUT / "docs/threat-model.md").read_text()
TEST = re.compile(r"`(tests/[\w/]+\.py::[\w:]+)`")


def section(title: str) -> str:
    """What is under a heading of the second level."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def test_each_promise_names_tests_that_exist() -> None:
    promises = re.findall(r"^- (.+)$", section("Promises"), re.MULTILINE)

    assert len(promises) > 30
    assert [promise for promise in promises if not TEST.search(promise)] == []
    assert [test for promise in promises for test in TEST.findall(promise) if not exists(test)] == []


def test_each_kind_of_attacker_is_met_by_promises() -> None:
    attackers = re.findall(r"^\| ([A-Za-z ,]+) \|", section("Attackers"), re.MULTILINE)
    groups = re.findall(r"^### .+$", section("Promises"), re.MULTILINE)

    assert len(attackers) - 1 >= 10
    assert len(groups) >= 9
    for word in ("thief", "writer", "registry", "node", "Organizations", "Members", "Support", "stranger", "supply"):
        assert any(word in group for group in groups), word


def test_what_is_not_promised_is_said_too() -> None:
    assert len(re.findall(r"^- \*\*That ", section("What is not promised"), re.MULTILINE)) >= 6
