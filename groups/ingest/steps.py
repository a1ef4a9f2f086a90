"""The steps of a pull, as its rows: people watch them live, and a failure keeps a copy.

The order is resolve, connect, authenticate, manifest, platform, size, layers, store, destroy; an attempt stops at
the step that failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db.models.functions import Now

from groups.ingest.claim import Claim
from groups.models import Image, PullStep
from groups.rules.states import Stale
from registries.failures import PullFailed, Unexpected, printable

Name = PullStep.Name
Outcome = PullStep.Outcome
MAX_DETAIL_LENGTH = 300


@dataclass
class Note:
    """The detail that is written with a step once it is done."""

    detail: str = ""


class PullSteps:
    """Writes the steps of one attempt of a pull, a row each, behind the claim's fence."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim

    @contextmanager
    def step(self, name: Name) -> Iterator[Note]:
        """Write that `name` begins and how it ends. Raises Stale where the claim is lost.

        A failure that passes through leaves the row failed, with the registry's raw code.
        """
        note = Note()
        with self._claim.fenced() as image:
            row = PullStep.objects.create(image=image, attempt=self._claim.attempt, name=name)
        try:
            yield note
        except Stale:
            raise
        except Exception as error:
            self._end(row, Outcome.FAILED, _title(error), error.raw if isinstance(error, PullFailed) else "")
            raise
        self._end(row, Outcome.OK, note.detail, "")

    def _end(self, row: PullStep, outcome: Outcome, detail: str, raw: str) -> None:
        with self._claim.fenced():
            PullStep.objects.filter(pk=row.pk).update(
                outcome=outcome, detail=printable(detail, MAX_DETAIL_LENGTH), raw=raw, finished_at=Now()
            )


def last_step(image: Image) -> str:
    """Return the name of the step that the current attempt came to, `resolve` where it has none yet."""
    last = image.steps.filter(attempt=image.attempt).order_by("-id").values_list("name", flat=True).first()
    return last or Name.RESOLVE.value


def fail_running(image: Image, detail: str) -> None:
    """Mark the current attempt's running step as failed."""
    image.steps.filter(attempt=image.attempt, outcome=Outcome.RUNNING).update(
        outcome=Outcome.FAILED, detail=detail, finished_at=Now()
    )


def write_done(image: Image, name: Name, detail: str) -> None:
    """Write a step of the current attempt that is done already."""
    row = PullStep.objects.create(
        image=image, attempt=image.attempt, name=name, outcome=Outcome.OK, detail=printable(detail, MAX_DETAIL_LENGTH)
    )
    PullStep.objects.filter(pk=row.pk).update(finished_at=Now())


def trace(image: Image) -> list[dict[str, str | None]]:
    """Return a copy of the current attempt's steps, for `Failure.trace`. Times are in ISO 8601."""
    return [
        {
            "name": step.name,
            "outcome": step.outcome,
            "started_at": step.started_at.isoformat(),
            "finished_at": step.finished_at.isoformat() if step.finished_at else None,
            "detail": step.detail,
            "raw": step.raw,
        }
        for step in image.steps.filter(attempt=image.attempt).order_by("id")
    ]


def _title(error: Exception) -> str:
    return (error if isinstance(error, PullFailed) else Unexpected()).words.title
