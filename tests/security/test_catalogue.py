"""The catalogue is complete: each case has tests of today, each category cases, each cell of the faults one."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache

import pytest

from tests.security import catalogue
from tests.security.catalogue import CATALOGUE, Case, Category
from tests.slow.listing import function_of
from tests.support.product_modules import CHECKOUT

CATEGORIES = catalogue.read()
CASES = list(catalogue.cases(CATEGORIES))
NAMES = "holes references hosts credentials registry nodes web python faults invariants never audit keyless"
PARTS = ("web", "worker", "redis", "database", "storage", "registry", "node")
FAULTS = ("kill", "restart", "wiped", "full", "slow", "reset", "clock", "duplicate")
INVARIANTS = "WFERGOILB"


def test_nothing_is_wrong_with_it() -> None:
    assert catalogue.mistakes(CATEGORIES) == []


def test_each_kind_of_attack_and_fault_is_in_it() -> None:
    assert [category.name for category in CATEGORIES] == NAMES.split()
    assert len(CASES) > 450


def test_each_fault_of_each_part_has_a_case() -> None:
    cells = {case.cell for case in CASES if case.cell}
    assert cells == {f"{part}/{fault}" for part in PARTS for fault in FAULTS}
    assert {case.category for case in CASES if case.cell} == {"faults"}


def test_each_invariant_has_tests() -> None:
    assert {case.invariant for case in CASES if case.test} - {""} == set(INVARIANTS)


def test_only_faults_may_have_a_reason_instead_of_a_test() -> None:
    assert {case.category for case in CASES if case.reason} <= {"faults"}


@cache
def texts_in(path: str) -> list[str]:
    """The texts that a file of tests contains, as they are when it runs, and its source."""
    source = (CHECKOUT / path).read_text()
    constants = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    found = [value for value in constants if isinstance(value, str)]
    return [source, *found, *(value.decode("latin-1") for value in constants if isinstance(value, bytes))]


def test_what_is_typed_is_in_the_test() -> None:
    missing = [
        case.id
        for case in CASES
        if case.input
        and not any(case.input in text for test in case.test for text in texts_in(test.partition("::")[0]))
    ]
    assert missing == []


def test_the_cases_of_tests_that_are_named_exist(request: pytest.FixtureRequest) -> None:
    """As far as this run collected them."""
    collected = {item.nodeid for item in request.session.items}
    files = {nodeid.partition("::")[0] for nodeid in collected}
    whole = len(files) > 100 and not request.config.option.markexpr
    missing = {test for test in catalogue.listed(CATEGORIES) if "[" in test} - collected
    assert not whole or missing == set()


def test_every_name_is_collected() -> None:
    """By a process of its own, whatever this run collects."""
    names = sorted(catalogue.listed(CATEGORIES))
    files = sorted({name.partition("::")[0] for name in names})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0", "-p", "no:randomly", *files]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    collected = set(done.stdout.splitlines())
    functions = {function_of(nodeid) for nodeid in collected}
    assert [name for name in names if name not in collected | functions] == []


def test_mistakes_are_found() -> None:
    own = "tests/security/test_catalogue.py::test_mistakes_are_found"
    good = Case("a", "a.x", "done", "audit", (own,))
    bad = [
        Case("a", "a.x", "again", "audit", (own,)),
        Case("a", "b.y", "elsewhere", "audit", (own,)),
        Case("a", "a.z", "", "audit", (own,)),
        Case("a", "a.nothing", "done", "audit"),
        Case("a", "a.both", "done", "audit", (own,), open="somebody"),
        Case("a", "a.gone", "done", "audit", (f"{own}_gone",)),
    ]
    assert catalogue.mistakes([Category("a", "A", (good,))]) == []
    assert catalogue.mistakes([Category("a", "A", (good, *bad)), Category("none", "None", ())]) == [
        "a.x is there 2 times",
        "none has no cases",
        "b.y is in a",
        "a.z does not say what is done, or where it comes from",
        "a.nothing needs tests, or who adds them, or a reason to have none",
        "a.both needs tests, or who adds them, or a reason to have none",
        f"a.gone: there is no {own}_gone",
    ]


def test_the_file_is_plain() -> None:
    text = CATALOGUE.read_text()
    assert text.isascii(), "what is odd is escaped, so that it can be read"
