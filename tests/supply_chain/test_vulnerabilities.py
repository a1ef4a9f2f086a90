"""A report of pip-audit is read for what it could not check, which pip-audit itself calls fine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.supply_chain.vulnerabilities import FINE, NOT_CHECKED, VULNERABLE, ask, judge

GOOD = {"name": "django", "version": "5.2.19", "vulns": []}
BAD = {"name": "requests", "version": "2.0", "vulns": [{"id": "PYSEC-2023-74", "fix_versions": ["2.31.0"]}]}
SKIPPED = {"name": "rq", "skip_reason": "Dependency not found on PyPI and could not be audited: rq (3.0.0)"}


def report(*packages: dict[str, Any]) -> dict[str, Any]:
    return {"dependencies": list(packages), "fixes": []}


@pytest.mark.parametrize(
    ("reports", "code", "words"),
    [
        ({"a": report(GOOD), "b": report(GOOD)}, FINE, "no known vulnerabilities"),
        (
            {"a": report(GOOD), "b": report(GOOD, BAD)},
            VULNERABLE,
            "b: requests 2.0 has PYSEC-2023-74, mended in 2",
        ),
        ({"a": report(GOOD, SKIPPED)}, NOT_CHECKED, "1 packages were not checked, such as a: rq"),
        ({"a": report(GOOD), "b": None}, NOT_CHECKED, "b: no answer"),
        ({"a": report()}, NOT_CHECKED, "a: no answer"),
        ({"a": report(SKIPPED, BAD)}, VULNERABLE, "PYSEC-2023-74"),
    ],
)
def test_the_exit_code(reports: dict[str, dict[str, Any] | None], code: int, words: str) -> None:
    found, said = judge(reports)

    assert found == code
    assert words in said[0]


@pytest.mark.parametrize(("printed", "expected"), [('{"dependencies": []}', {"dependencies": []}), ("Traceback", None)])
def test_what_the_program_prints(printed: str, expected: object, tmp_path: Path) -> None:
    program = tmp_path / "pip-audit"
    program.write_text(f"#!/bin/sh\necho '{printed}'\nexit 1\n")
    program.chmod(0o700)

    assert ask(tmp_path / "requirements.txt", program) == expected
