"""What has been found so far, kept in a session of Cosmic Ray, so that a run that ends early is continued.

A result belongs to the source of its module: where that changed, its mutants are run again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from cosmic_ray.work_db import WorkDB
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkerOutcome, WorkItem, WorkResult

from tests.mutants.listing import Mutant
from tests.mutants.runner import Result
from tests.support.product_modules import CHECKOUT

FOLDER = CHECKOUT / ".mutants"


class Session:
    """The results in `.mutants/session.sqlite`, which `cr-report` and `cr-html` read too."""

    def __init__(self) -> None:
        FOLDER.mkdir(exist_ok=True)
        self._db = WorkDB(str(FOLDER / "session.sqlite"), WorkDB.Mode.create)

    def results(self) -> dict[str, Result]:
        """The results by `job_id`."""
        return {
            job_id: Result(result.test_outcome == TestOutcome.KILLED, result.output or "")
            for job_id, result in self._db.results
        }

    def add(self, mutants: Iterable[Mutant]) -> None:
        """Enter mutants that are not there yet."""
        known = {item.job_id for item in self._db.work_items}
        self._db.add_work_items(_item(mutant) for mutant in mutants if job_id(mutant) not in known)

    def close(self) -> None:
        """Leave the file, as a process must before it forks."""
        self._db.close()

    def record(self, mutant: Mutant, result: Result) -> None:
        """Keep a result in place of an earlier one."""
        outcome = TestOutcome.KILLED if result.killed else TestOutcome.SURVIVED
        self._db.set_result(job_id(mutant), WorkResult(WorkerOutcome.NORMAL, result.by, outcome, str(mutant)))


def job_id(mutant: Mutant) -> str:
    """The mutant's key with a digest of its module's source."""
    source = hashlib.sha256((CHECKOUT / mutant.path).read_bytes()).hexdigest()
    return f"{mutant.key}-{source[:16]}"


def _item(mutant: Mutant) -> WorkItem:
    spec = MutationSpec(
        module_path=Path(mutant.path),
        operator_name=mutant.operator,
        occurrence=mutant.occurrence,
        start_pos=mutant.start,
        end_pos=mutant.end,
        definition_name=mutant.definition,
    )
    return WorkItem.single(job_id(mutant), spec)
