"""Times, numbers and icons as pages show them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from portal.templatetags.drayage import ago, due, kind_mark, path, relative, thousands

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (-11, "11 seconds ago"),
        (-100, "2 minutes ago"),
        (-80, "1 minute ago"),
        (11, "in 11 seconds"),
        (80, "in 2 minutes"),
        (3599, "in 60 minutes"),
    ],
)
def test_what_is_to_come_is_rounded_up(seconds: int, words: str) -> None:
    assert relative(NOON + timedelta(seconds=seconds), NOON) == words


@pytest.mark.parametrize(("seconds", "words"), [(20, "in 20 seconds"), (4, "any moment now"), (-11, "any moment now")])
def test_what_is_due_is_never_said_to_be_past(seconds: int, words: str) -> None:
    with time_machine.travel(NOON, tick=False):
        shown = due(NOON + timedelta(seconds=seconds))

    assert f">{words}<" in shown
    assert "data-due" in shown
    assert "data-due" not in ago(NOON)


def test_what_is_counted_in_thousands() -> None:
    assert [thousands(1), thousands(24_576)] == ["1", "24,576"]


def test_a_kind_has_its_icon_and_an_unknown_one_a_question_mark() -> None:
    assert [kind_mark("ecr"), kind_mark("self_hosted"), kind_mark("gone")] == ["AWS", "Any", "?"]


def test_a_path_breaks_at_its_slashes_and_nowhere_else() -> None:
    assert path("/o/<a>") == "<wbr>/o<wbr>/&lt;a&gt;<wbr>"
