"""What the summary says of runs that are whole, that fail, and that leave something out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.security.catalogue import Case, Category
from tests.security.summary import lines, tally
from tests.support.product_modules import CHECKOUT

CATEGORY = Category(
    "a",
    "Attacks",
    (
        Case("a", "a.whole", "all cases of a function", "audit", ("t.py::one",)),
        Case("a", "a.part", "one case of a function", "audit", ("t.py::two[x-[y]]",)),
        Case("a", "a.open", "not yet", "audit", open="somebody"),
        Case("a", "a.reason", "can't happen", "audit", reason="no clock"),
    ),
)
PASSED = {"t.py::one[1]": "passed", "t.py::one[2]": "passed", "t.py::two[x-[y]]": "passed", "t.py::two[z]": "failed"}


def test_a_case_passes_if_all_its_tests_did() -> None:
    found = tally(CATEGORY, PASSED)

    assert (found.tried, found.passed, found.open, found.violations) == (2, 2, 1, ())


@pytest.mark.parametrize("outcome", ["failed", "skipped"])
def test_one_case_of_a_function_is_enough_to_violate(outcome: str) -> None:
    found = tally(CATEGORY, PASSED | {"t.py::one[2]": outcome})

    assert (found.tried, found.passed) == (2, 1)
    assert found.violations == (f"a.whole: t.py::one ({outcome})",)


def test_what_did_not_run_is_violated() -> None:
    assert tally(CATEGORY, {}).violations == (
        "a.whole: t.py::one (not run)",
        "a.part: t.py::two[x-[y]] (not run)",
    )


def test_a_line_for_each_category_the_total_and_json() -> None:
    good, bad = tally(CATEGORY, PASSED), tally(CATEGORY, {})

    *said, document = lines([good, bad])

    assert said[:2] == ["VIOLATION a.whole: t.py::one (not run)", "VIOLATION a.part: t.py::two[x-[y]] (not run)"]
    assert [line.split() for line in said[2:]] == [
        ["Attacks", "2", "tried", "2", "passed", "0", "violations", "1", "open"],
        ["Attacks", "2", "tried", "0", "passed", "2", "violations", "1", "open"],
        ["Total", "4", "tried", "2", "passed", "2", "violations", "2", "open"],
    ]
    assert json.loads(document)["total"] == {"tried": 4, "passed": 2, "violations": 2, "open": 2}


TESTS = """
import pytest
def test_good(): pass
def test_other(): assert False
def test_skipped(): pytest.skip("no reason")
@pytest.fixture
def broken():
    yield
    raise ValueError
def test_ends_badly(broken): pass
"""
CATALOGUE = """
[a]
title = "A"
cases = [
  {{ id = "a.x", case = "x", origin = "y", test = [{names}] }},
]
"""


@pytest.mark.parametrize("processes", ["0", "2"])
@pytest.mark.parametrize(
    ("tests", "violations", "code"),
    [
        (["test_good"], 0, 0),
        (["test_skipped"], 1, 1),
        (["test_ends_badly"], 1, 1),
        (["test_good", "test_gone"], 1, 1),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else None,
)
def test_a_run(tests: list[str], violations: int, code: int, processes: str, tmp_path: Path) -> None:
    """Only what is listed runs, in as many processes as one likes, and the exit code says whether all is well."""
    (tmp_path / "test_it.py").write_text(TESTS)
    names = ", ".join(f'"test_it.py::{name}"' for name in tests)
    (tmp_path / "catalogue.toml").write_text(CATALOGUE.format(names=names))
    (tmp_path / "plugin.py").write_text(
        "from pathlib import Path\nfrom tests.security import catalogue\n"
        "catalogue.read.__defaults__ = (Path(__file__).with_name('catalogue.toml'),)\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "--rootdir", str(tmp_path), "-n", processes]
    command += ["-p", "no:django", "-p", "no:schemathesis", "-p", "no:cacheprovider", "-p", "plugin"]
    done = subprocess.run(
        [*command, "-p", "tests.security.summary", "--only-catalogue", "test_it.py"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{tmp_path}:{CHECKOUT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    document = next(line for line in done.stdout.splitlines() if line.startswith("{"))
    assert json.loads(document)["total"]["violations"] == violations
    assert "test_other" not in done.stdout
