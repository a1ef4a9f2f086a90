"""The steps of a pull as pages and failures show them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from groups.ingest.steps import trace
from groups.models import ContainerGroup, PullStep
from groups.queries.group_detail import group_detail
from groups.queries.pull_steps import trace_lines
from tests.support.group_progress import failed, fresh, group, pulling

__all__ = ["group"]
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def test_steps_come_in_their_order_with_those_that_wait(group: ContainerGroup) -> None:
    pulling(group, "resolve", "connect", "authenticate", at=NOON)

    lines = group_detail(fresh(group)).steps
    assert [line.name for line in lines] == PullStep.Name.values
    assert [line.outcome for line in lines[:4]] == ["ok", "ok", "running", "waiting"]
    assert lines[0].seconds == 0


def test_a_failure_keeps_its_steps_and_marks_the_broken_one(group: ContainerGroup) -> None:
    pulling(group, "resolve", "connect", "authenticate")
    group.image.steps.filter(name="authenticate").update(outcome="failed", raw="401 UNAUTHORIZED")
    row = failed(group, trace=trace(fresh(group).image))
    group.image.steps.all().delete()

    lines = {line.name: line for line in trace_lines(row)}
    assert [name for name, line in lines.items() if line.outcome == "failed"] == ["authenticate"]
    assert lines["authenticate"].raw == "401 UNAUTHORIZED"
    assert lines["authenticate"].detail == row.words.title
    assert lines["layers"].outcome == "waiting"
    assert list(lines) == PullStep.Name.values


@pytest.mark.parametrize(
    ("detail", "spared"),
    [
        ("Destroyed", False),
        ("Destroyed already: a member removed it", False),
        ("Kept for other groups until 04:45 UTC at most", True),
        ("Kept until another pull that uses it has ended", True),
        ("There was none", True),
    ],
)
def test_only_what_was_destroyed_is_shown_as_destroyed(group: ContainerGroup, detail: str, spared: bool) -> None:
    pulling(group, "store", "destroy")
    PullStep.objects.filter(image=group.image).update(outcome="ok", detail=detail)

    assert [line.name for line in group_detail(fresh(group)).steps if line.spared] == (["destroy"] if spared else [])


def test_an_old_record_of_steps_that_are_no_more_is_still_shown(group: ContainerGroup) -> None:
    row = failed(group, trace=[{"name": "abolished", "outcome": "ok"}], code="abolished_code")

    assert trace_lines(row)
    assert row.words.title
