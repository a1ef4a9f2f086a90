"""The list of slow tests names tests of today, and is brought up to date by what a run measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.slow import listing
from tests.slow.listing import entries, exists, updated, write

HERE = "tests/slow/test_listing.py"
THIS = f"{HERE}::test_a_function_is_listed_by_the_mean_of_its_cases"


def test_each_entry_is_a_test_of_today() -> None:
    assert [function for function in entries() if not exists(function)] == []


def test_a_function_is_listed_by_the_mean_of_its_cases() -> None:
    cases = {"test_a[1]": 0.03, "test_a[2]": 0.17, "test_b[a::b]": 0.3, "test_c": 0.04}

    assert updated({}, cases) == {"test_a": pytest.approx(0.1), "test_b": 0.3}


def test_what_did_not_run_stays_if_it_exists() -> None:
    known = {THIS: 2.0, f"{HERE}::test_gone": 2.0, "tests/gone/test_gone.py::test_gone": 2.0, f"{HERE}::test_c": 1.0}

    assert updated(known, {f"{HERE}::test_c": 0.01}) == {THIS: 2.0}


def test_it_is_read_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "LIST", tmp_path / "slow.txt")
    write({f"{HERE}::test_b": 12.345, f"{HERE}::test_a": 0.11})

    assert entries() == {f"{HERE}::test_a": 0.11, f"{HERE}::test_b": 12.35}
    assert list(entries()) == [f"{HERE}::test_a", f"{HERE}::test_b"]


def test_what_is_listed_is_marked(request: pytest.FixtureRequest) -> None:
    listed = set(entries())
    levels = {"slow", "interop", "faults", "browser"}
    for item in request.session.items:
        if listing.function_of(item.nodeid) in listed:
            assert levels & {marker.name for marker in item.iter_markers()}, item.nodeid
