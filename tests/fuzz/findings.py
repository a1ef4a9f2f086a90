"""Judging one input of a target: whether it crashes, and how long it takes."""

from __future__ import annotations

import hashlib
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.targets import Target

SMALL, LARGE = 4096, 65536
"""Bytes: up to these an input may take the milliseconds of `limit_of`."""


def limit_of(size: int) -> float:
    """How many milliseconds of the processor an input of this size may take."""
    if size <= SMALL:
        return 10.0
    return 100.0 * max(1.0, size / LARGE)


@dataclass(frozen=True)
class Finding:
    """An input that crashed its target or took too long. `kind` is the error's type and place, or `slow`."""

    target: str
    kind: str
    data: bytes
    said: str = ""

    def save(self, folder: Path) -> Path:
        """Write the input to a file of its own; return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.target}-{hashlib.sha256(self.data).hexdigest()[:16]}"
        path.write_bytes(self.data)
        return path


def milliseconds(target: Target, data: bytes) -> float:
    """The processor time of this thread that the input takes. Raises whatever the target does."""
    began = time.thread_time()
    target(data)
    return (time.thread_time() - began) * 1000


def judge(target: Target, data: bytes, *, tries: int = 3) -> tuple[Finding | None, float]:
    """Return what is wrong with the input, if anything, and its milliseconds. What is slow has to be so each time: a
    collection of garbage may come in between."""
    best = float("inf")
    for _ in range(tries):
        try:
            best = min(best, milliseconds(target, data))
        except Exception as error:
            return Finding(target.name, kind_of(error), data, "".join(traceback.format_exception(error)[-3:])), 0.0
        if best <= limit_of(len(data)):
            return None, best
    return Finding(target.name, "slow", data, f"{best:.1f} ms for {len(data)} bytes"), best


def kind_of(error: Exception) -> str:
    """The type of an error and the line that raised it."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
