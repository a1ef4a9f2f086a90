"""The steps of a pull as lines of a page, from their rows or from a failure's own copy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.utils.dateparse import parse_datetime

from groups.models import Failure, PullStep


@dataclass(frozen=True)
class StepLine:
    """One step. `outcome` is ok, failed, running, or waiting for one that was not reached; `seconds` is how long it
    took."""

    name: str
    label: str
    outcome: str
    seconds: float | None = None
    detail: str = ""
    raw: str = ""

    @property
    def spared(self) -> bool:
        """Whether this is the step that destroys the credential, and it destroyed none."""
        return self.name == PullStep.Name.DESTROY and self.outcome == "ok" and not self.detail.startswith("Destroyed")


def trace_lines(failure: Failure) -> list[StepLine]:
    """Return the steps of a recorded failure, and those that it did not reach."""
    lines = []
    for step in failure.trace:
        started, finished = (parse_datetime(step.get(name) or "") for name in ("started_at", "finished_at"))
        name = str(step.get("name", ""))
        label = PullStep.Name(name).label if name in PullStep.Name.values else name
        lines.append(
            StepLine(name, label, str(step.get("outcome", "")), seconds_between(started, finished),
                     str(step.get("detail", "")), str(step.get("raw", "")))
        )  # fmt: skip
    reached = {line.name for line in lines}
    order = PullStep.Name.values
    lines += [StepLine(name, PullStep.Name(name).label, "waiting") for name in order if name not in reached]
    lines = with_failure_title(lines, failure)
    return sorted(lines, key=lambda line: order.index(line.name) if line.name in order else len(order))


def with_failure_title(lines: list[StepLine], failure: Failure) -> list[StepLine]:
    """Return the lines with the failure's title as the detail of the step that failed, as in the page's head."""
    title = failure.words.title
    return [
        replace(line, detail=title) if line.outcome == "failed" and line.name == failure.step else line
        for line in lines
    ]


def step_lines(rows: list[PullStep], now: datetime, *, whole: bool) -> list[StepLine]:
    """Return the steps of a pull in their order; `whole` adds those that it has not reached."""
    lines = [step_line(row, now) for row in rows]
    reached = {line.name for line in lines}
    if whole:
        lines += [StepLine(name.value, name.label, "waiting") for name in PullStep.Name if name.value not in reached]
    order = PullStep.Name.values
    return sorted(lines, key=lambda line: order.index(line.name))


def step_line(row: PullStep, now: datetime) -> StepLine:
    """Return the line of one step; one that still runs has taken until `now`."""
    seconds = seconds_between(row.started_at, row.finished_at or now)
    return StepLine(row.name, row.get_name_display(), row.outcome, seconds, row.detail, row.raw)


def seconds_between(start: datetime | None, end: datetime | None) -> float | None:
    """Return the seconds between two moments, at least 0; None if one of them is not known."""
    return max(0.0, (end - start).total_seconds()) if start and end else None
