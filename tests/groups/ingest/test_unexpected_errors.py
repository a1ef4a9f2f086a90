"""An unexpected error is logged by its type and its last frames, and found by a short id."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from groups.ingest.unexpected_errors import log_unexpected


def deep(levels: int) -> None:
    if levels:
        deep(levels - 1)
    raise ZeroDivisionError("hunter2")


def raised(action: Callable[[], None]) -> Exception:
    with pytest.raises(ZeroDivisionError) as caught:
        action()
    return caught.value


def test_the_entry_has_the_type_and_where_it_was_but_not_its_words() -> None:
    with capture_logs() as entries:
        correlation = log_unexpected("pull_unexpected", raised(lambda: deep(0)), image="4f0c", step="layers")

    assert re.fullmatch("[0-9a-f]{12}", correlation)
    (entry,) = entries
    frames = entry.pop("frames")
    assert entry == {
        "event": "pull_unexpected",
        "log_level": "error",
        "correlation": correlation,
        "error": "ZeroDivisionError",
        "image": "4f0c",
        "step": "layers",
    }
    assert re.fullmatch(r".+/test_unexpected_errors\.py:\d+ deep", frames[-1])
    assert "hunter2" not in str(entries)


def test_the_last_eight_frames() -> None:
    with capture_logs() as entries:
        log_unexpected("check_unexpected", raised(lambda: deep(20)))

    frames = entries[0]["frames"]
    assert [frame.rpartition(" ")[2] for frame in frames] == ["deep"] * 8


def test_each_has_an_id_of_its_own() -> None:
    error = raised(lambda: deep(0))
    assert log_unexpected("pull_unexpected", error) != log_unexpected("pull_unexpected", error)
