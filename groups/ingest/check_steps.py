"""The steps of a check, and what it found, written into its row."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypedDict

from django.db.models.functions import Now

from groups.ingest.steps import MAX_DETAIL_LENGTH, Note
from groups.models import ImageCheck
from groups.rules.states import Stale, move
from registries.failures import PullFailed, RegistryUnreachable, printable, registry_itself

MAX_CHECK_SECONDS = 90.0
"""No step begins later than this."""


class Line(TypedDict):
    """A step as it is in `ImageCheck.steps`; `seconds` is None while it runs."""

    name: str
    outcome: str
    detail: str
    raw: str
    seconds: float | None


class CheckSteps:
    """Writes the steps of one check. `found` is what it has found so far, by column; it is written with the steps."""

    def __init__(self, row: ImageCheck) -> None:
        self.found: dict[str, object] = {}
        self._row = row
        self._lines: list[Line] = []
        self._started_at = self._step_started_at = time.monotonic()

    @contextmanager
    def step(self, name: ImageCheck.Step) -> Iterator[Note]:
        """Write that `name` begins and, if nothing fails, that it is done. `fail` writes a failure.

        Raises Stale once the check is over, RegistryUnreachable once it has taken `MAX_CHECK_SECONDS`.
        """
        line = Line(name=name.value, outcome="running", detail="", raw="", seconds=None)
        self._lines.append(line)
        self._step_started_at = time.monotonic()
        self._write()
        if self._step_started_at - self._started_at > MAX_CHECK_SECONDS:
            there = registry_itself(self._row.registry)
            raise RegistryUnreachable(reason="it is too slow to be checked", raw="deadline", **there)
        note = Note()
        yield note
        self._end(line, "ok", note.detail)
        self._write()

    def finish(self) -> None:
        """Move the check to `done`. Raises Stale once it is over."""
        self._move(ImageCheck.Status.DONE)

    def fail(self, failure: PullFailed) -> None:
        """Mark the running step as failed, and the check with it. Raises Stale once it is over."""
        for line in self._lines:
            if line["outcome"] == "running":
                self._end(line, "failed", failure.words.title, failure.raw)
        params = {name: value for name, value in failure.params.items() if name != "public"}
        public = bool(failure.params.get("public"))
        self._move(ImageCheck.Status.FAILED, code=failure.code, params=params, raw=failure.raw, public=public)

    def _end(self, line: Line, outcome: str, detail: str, raw: str = "") -> None:
        line["outcome"] = outcome
        line["detail"] = printable(detail, MAX_DETAIL_LENGTH)
        line["raw"] = raw
        line["seconds"] = round(time.monotonic() - self._step_started_at, 2)

    def _write(self) -> None:
        running = ImageCheck.objects.filter(pk=self._row.pk, status=ImageCheck.Status.RUNNING)
        if not running.update(steps=self._lines, **self.found):
            raise Stale(f"the check {self._row.pk} is over")

    def _move(self, to: str, **fields: object) -> None:
        move(self._row, to=to, only=None, steps=self._lines, settled_at=Now(), **self.found, **fields)
