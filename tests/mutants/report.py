"""The score of each module, and the mutants that no test noticed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.equivalent import equivalents
from tests.mutants.listing import Mutant
from tests.mutants.runner import Result
from tests.mutants.session import job_id


@dataclass
class Score:
    """Numbers of mutants. `equivalent` are those of the list that survived."""

    killed: int = 0
    survived: int = 0
    equivalent: int = 0
    waiting: int = 0

    @property
    def percent(self) -> float:
        """Of those that can be noticed and were run; 100 where there are none."""
        run = self.killed + self.survived
        return 100 * self.killed / run if run else 100.0

    def line(self, name: str) -> str:
        """One line of the table."""
        return (
            f"{name:<48} {self.percent:5.1f} %  {self.killed:5} killed {self.survived:4} survived "
            f"{self.equivalent:4} equivalent {self.waiting:5} not run"
        )


class Report:
    """`results` are by job id."""

    def __init__(self, mutants: Iterable[Mutant], results: Mapping[str, Result]) -> None:
        listed = equivalents()
        self.scores: defaultdict[Path, Score] = defaultdict(Score)
        self.total = Score()
        self.survivors: list[Mutant] = []
        for mutant in mutants:
            result = results.get(job_id(mutant))
            for score in (self.scores[mutant.path], self.total):
                if result is None:
                    score.waiting += 1
                elif result.killed:
                    score.killed += 1
                elif any(entry.covers(mutant) for entry in listed):
                    score.equivalent += 1
                else:
                    score.survived += 1
            if result is not None and not result.killed and not any(entry.covers(mutant) for entry in listed):
                self.survivors.append(mutant)

    def text(self) -> str:
        """The survivors, then the table with a line for each module."""
        lines = [f"survived: {mutant}" for mutant in sorted(self.survivors, key=lambda m: (m.path, m.start))]
        lines += [score.line(str(path)) for path, score in sorted(self.scores.items())]
        return "\n".join([*lines, self.total.line("all")])
