"""Each target takes some inputs, so that none falls behind; what crashes or drags is found, saved and repeated."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.fuzz import __main__ as command
from tests.fuzz import findings
from tests.fuzz.findings import judge, limit_of
from tests.fuzz.generated import Run
from tests.fuzz.targets import TARGETS, Target


@pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))
def test_a_target_takes_its_corpus_and_some_dozens_more(target: Target) -> None:
    run = Run(target)
    run.go(0, examples=30)

    assert run.cases >= 30
    assert target.corpus
    found = [*run.findings.values(), *filter(None, (judge(target, raw)[0] for raw in target.corpus))]
    # What is slow beside other tests may not be on a quiet machine.
    assert [(finding.data, finding.said) for finding in found if finding.kind != "slow"] == []


def _crashes(data: bytes) -> None:
    if b"@" in data:
        raise ZeroDivisionError("at")


def _drags(data: bytes) -> None:
    until = time.thread_time() + (0.05 if b"@" in data else 0)
    while time.thread_time() < until:
        pass


def _refuses(data: bytes) -> None:
    raise KeyError("x" * 5000 if b"@" in data else "x")


@pytest.mark.parametrize(
    ("read", "kind"), [(_crashes, "ZeroDivisionError"), (_drags, "slow"), (_refuses, "AssertionError")]
)
def test_what_is_wrong_is_found_and_made_short(read: object, kind: str) -> None:
    target = Target("made-up", read, (KeyError,), [b"alice@acme.example"])  # type: ignore[arg-type]
    run = Run(target)
    run.go(0, examples=60)

    ((found, finding),) = run.findings.items()
    assert found.startswith(kind)
    assert b"@" in finding.data
    assert len(finding.data) <= len(b"alice@acme.example")


def test_how_long_an_input_may_take() -> None:
    assert [limit_of(size) for size in (0, 4096, 4097, 65536, 655360)] == [10, 10, 100, 100, 1000]


def test_an_input_is_slow_only_if_it_is_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = iter([500.0, 500.0, 3.0])
    monkeypatch.setattr(findings, "milliseconds", lambda target, data: next(taken))

    assert judge(Target("made-up", _drags), b"x") == (None, 3.0)


def test_what_was_found_is_saved_and_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = Target("made-up", _crashes, (), [b"a@b"])
    monkeypatch.setattr(command, "TARGETS", {"made-up": target})
    monkeypatch.setattr(command, "FOUND", tmp_path / "found")
    monkeypatch.setattr(command, "CHECKOUT", tmp_path)
    monkeypatch.setattr(command, "has_atheris", lambda: False)

    assert command.main(["--seconds", "0", "--seed", "7", "made-up"]) == 1

    output = capsys.readouterr()
    line = json.loads(output.out)
    assert (line["target"], line["crashes"], line["slow"], line["seed"]) == ("made-up", 1, 0, 7)
    assert line["cases"] == line["hypothesis"] > 0
    assert "There is no atheris for" in output.err
    (path,) = (tmp_path / "found").iterdir()
    assert f"--repeat found/{path.name}" in output.err
    assert command.main(["--repeat", str(path)]) == 1
    monkeypatch.setattr(command, "TARGETS", {"made-up": Target("made-up", len, (), [b"a"])})
    assert command.main(["--repeat", str(path)]) == 0
    assert command.main(["--seconds", "0", "made-up"]) == 0


@pytest.mark.skipif(not command.has_atheris(), reason="there is no atheris for this Python or machine")
def test_coverage_is_followed() -> None:
    cases, found = command.follow_coverage(TARGETS["range"], 2)

    assert cases > 1000
    assert found == []
