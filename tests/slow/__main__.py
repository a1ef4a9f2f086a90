"""Runs tests and brings the list of slow ones up to date. Give pytest's options and paths, or none for all tests."""

from __future__ import annotations

import sys
from collections import defaultdict

import pytest

from tests.slow.listing import entries, updated, write


class Measured:
    """A pytest plugin that adds up what each case takes."""

    def __init__(self) -> None:
        self.cases: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.cases[report.nodeid] += report.duration


def main(arguments: list[str]) -> int:
    """Return what pytest returned; the list is written only if all tests passed."""
    measured = Measured()
    code = pytest.main(["-q", "-n", "2", *arguments], plugins=[measured])
    if code == pytest.ExitCode.OK:
        write(updated(entries(), measured.cases))
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
