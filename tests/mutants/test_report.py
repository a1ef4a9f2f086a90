"""The score counts what was run and can be noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants import report as report_module
from tests.mutants.equivalent import Equivalent
from tests.mutants.listing import mutants_of
from tests.mutants.report import Report
from tests.mutants.runner import Result
from tests.mutants.session import job_id

MODULE = Path("registries/secrets/one_time.py")


def test_the_score(monkeypatch: pytest.MonkeyPatch) -> None:
    mutants = [mutant for mutant in mutants_of(MODULE) if mutant.source is not None]
    first, second, third, fourth = mutants[:4]
    before, after = third.change
    monkeypatch.setattr(
        report_module, "equivalents", lambda: [Equivalent(str(MODULE), before, (after,), "nobody could notice it")]
    )

    report = Report(
        [first, second, third, fourth],
        {
            job_id(first): Result(True, "tests/a.py::test_a"),
            job_id(second): Result(False, ""),
            job_id(third): Result(False, ""),
        },
    )

    assert report.survivors == [second]
    assert report.total.percent == 50
    assert (report.total.killed, report.total.survived, report.total.equivalent, report.total.waiting) == (1, 1, 1, 1)
    assert str(second) in report.text()
    assert report.text().splitlines()[-1].startswith("all ")


def test_without_anything_run_there_is_no_fault() -> None:
    assert Report(mutants_of(MODULE)[:2], {}).total.percent == 100
