"""A pytest plugin that prints what became of the catalogue's cases: `-p tests.security.summary`.

One run of all tests is enough for it. `--only-catalogue` leaves out everything else, as `make test-security` does. A
case is violated if one of its tests failed, was skipped, or did not run at all. The run fails if there is a violation.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.security import catalogue
from tests.security.catalogue import Case, Category
from tests.slow.listing import function_of

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass(frozen=True)
class Tally:
    """What became of the cases of a category."""

    name: str
    title: str
    tried: int
    passed: int
    open: int
    violations: tuple[str, ...]
    """A line for each test of a case that is violated."""

    @property
    def violated(self) -> int:
        return self.tried - self.passed

    @property
    def line(self) -> str:
        counts = f"{self.tried:5d} tried {self.passed:5d} passed {self.violated:5d} violations"
        return f"{self.title:<34}{counts}" + (f" {self.open:5d} open" if self.open else "")


def tally(category: Category, outcomes: Mapping[str, str]) -> Tally:
    """Judge a category by the outcome of each test that ran, by its id."""
    by_name: dict[str, list[str]] = {}
    for nodeid, outcome in outcomes.items():
        for name in {nodeid, function_of(nodeid)}:
            by_name.setdefault(name, []).append(outcome)
    tried = [case for case in category.cases if case.test]
    violations = [f"{case.id}: {why}" for case in tried for why in _violations(case, by_name)]
    violated = {violation.partition(":")[0] for violation in violations}
    return Tally(
        name=category.name,
        title=category.title,
        tried=len(tried),
        passed=len(tried) - len(violated),
        open=sum(bool(case.open) for case in category.cases),
        violations=tuple(violations),
    )


def _violations(case: Case, by_name: Mapping[str, list[str]]) -> Iterable[str]:
    for test in case.test:
        ended = set(by_name.get(test, ["not run"]))
        if ended != {PASSED}:
            yield f"{test} ({', '.join(sorted(ended - {PASSED}))})"


class Summary:
    """Hears how each test ended, also in the processes of pytest-xdist, and prints the summary at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self.categories = catalogue.read()
        self.outcomes: dict[str, str] = {}
        self._is_worker = hasattr(config, "workerinput")
        self._names = catalogue.listed(self.categories) if config.getoption("only_catalogue") else None
        self._tallies: list[Tally] = []

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        if self._names is None:
            return
        left_out = [item for item in items if not catalogue.is_listed(item.nodeid, self._names)]
        items[:] = [item for item in items if catalogue.is_listed(item.nodeid, self._names)]
        config.hook.pytest_deselected(items=left_out)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        before = self.outcomes.get(report.nodeid, PASSED)
        if report.outcome != PASSED and before != FAILED:
            self.outcomes[report.nodeid] = report.outcome
        else:
            self.outcomes.setdefault(report.nodeid, PASSED)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._is_worker or session.config.getoption("collectonly"):
            return
        self._tallies = [tally(category, self.outcomes) for category in self.categories]
        if session.exitstatus == pytest.ExitCode.OK and any(each.violations for each in self._tallies):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if not self._tallies:
            return
        terminalreporter.section("catalogue of attacks and faults")
        for line in lines(self._tallies):
            terminalreporter.write_line(line)


def lines(tallies: list[Tally]) -> list[str]:
    """The summary: what was violated, a line for each category, the total, and all of it as JSON."""
    total = Tally(
        name="total",
        title="Total",
        tried=sum(each.tried for each in tallies),
        passed=sum(each.passed for each in tallies),
        open=sum(each.open for each in tallies),
        violations=tuple(violation for each in tallies for violation in each.violations),
    )
    counts = {
        each.name: {"tried": each.tried, "passed": each.passed, "violations": each.violated, "open": each.open}
        for each in [*tallies, total]
    }
    found = [f"VIOLATION {violation}" for violation in total.violations]
    return [*found, *(each.line for each in [*tallies, total]), json.dumps({"name": "security_catalogue", **counts})]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--only-catalogue", action="store_true", help="run the tests in tests/security/catalogue.toml")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Summary(config), "security-summary")
