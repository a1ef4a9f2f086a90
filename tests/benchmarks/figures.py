"""Options and figures of a benchmark."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar

Side = TypeVar("Side")


@dataclass(frozen=True)
class Plan:
    """`folder` is on disk and empty, `memory` in memory, None where there is no room. Both are removed afterwards.

    `runs` is how often each side is measured, in turns; `scale` 1.0 means sizes as they are meant.
    """

    folder: Path
    memory: Path | None
    runs: int = 5
    scale: float = 1.0

    def bytes(self, count: float) -> int:
        """A size, scaled."""
        return max(int(count * self.scale), 1000)


@dataclass(frozen=True)
class Figure:
    """One figure. `peer` is the same of the reference, from the same run; `against` says what that is."""

    name: str
    value: float
    unit: str
    peer: float | None = None
    against: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours over the peer's."""
        return self.value / self.peer if self.peer else None

    def line(self) -> str:
        """The figure as a line of JSON."""
        shown = {
            "name": self.name,
            "value": _short(self.value),
            "unit": self.unit,
            "peer": _short(self.peer),
            "ratio": _short(self.ratio),
            "against": self.against,
        }
        return json.dumps(shown)


def best_and_median(
    name: str, unit: str, ours: list[float], theirs: list[float] | None = None, against: str = ""
) -> list[Figure]:
    """Two figures of the same runs."""
    return [
        Figure(f"{name}_{word}", choose(ours), unit, choose(theirs) if theirs else None, against)
        for word, choose in (("best", min), ("median", median))
    ]


def in_turns(sides: Sequence[Side], run: int) -> Iterator[Side]:
    """Yield the sides of a run, each run beginning with another one, the disk at rest before each: nobody pays for
    what somebody else wrote."""
    for number in range(len(sides)):
        os.sync()
        yield sides[(run + number) % len(sides)]


def machine() -> str:
    """What was measured on, in a few words."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{len(os.sched_getaffinity(0))} cores, {model}, Python {platform.python_version()}"


def _short(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.4g}")
