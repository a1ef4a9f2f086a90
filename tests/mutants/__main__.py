"""Runs mutants of the critical modules and reports those that no test notices. See docs/testing.md."""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import pytest

from tests.mutants.changes import changed_lines
from tests.mutants.listing import Mutant, choose, mutants_of
from tests.mutants.reach import FAST, Reach, measure
from tests.mutants.report import Report
from tests.mutants.rooms import critical_modules
from tests.mutants.runner import Result, Runner
from tests.mutants.session import FOLDER, Session, job_id
from tests.support.product_modules import CHECKOUT


def main() -> int:
    asked = _arguments()
    mutants = list(_selected(asked))
    print(f"{len(mutants)} mutants in {len({mutant.path for mutant in mutants})} modules", flush=True)
    if not mutants:
        return 0
    session = Session()
    session.add(mutants)
    if not asked.report:
        if asked.measure:
            shutil.rmtree(FOLDER / "reach", ignore_errors=True)
        measure(FOLDER / "reach")
        known = session.results()
        waiting = [mutant for mutant in mutants if _is_waiting(known.get(job_id(mutant)), again=asked.again)]
        session.close()
        _run_all(waiting, asked.processes, time.monotonic() + asked.seconds, asked.test_seconds)
        session = Session()
    report = Report(mutants, session.results())
    print(report.text())
    (FOLDER / "report.txt").write_text(report.text())
    return 1 if report.survivors else 0


def _is_waiting(result: Result | None, *, again: bool) -> bool:
    return result is None or (again and not result.killed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", help="files, folders or `all`; by default the lines changed since main")
    parser.add_argument("--seconds", type=float, default=900, help="stop after this time (900); the next run goes on")
    parser.add_argument("--per-module", type=int, default=25, help="how many mutants of each module (25), 0 for all")
    parser.add_argument("--test-seconds", type=float, default=60, help="how long to test each mutant at most (60)")
    parser.add_argument("--again", action="store_true", help="run those again that survived earlier")
    parser.add_argument("--measure", action="store_true", help="measure all tests again, not only the changed ones")
    parser.add_argument("--report", action="store_true", help="run nothing, report what is known")
    parser.add_argument("--processes", type=int, default=2, help="how many processes at once (2)")
    return parser.parse_args()


def _selected(asked: argparse.Namespace) -> Iterable[Mutant]:
    """Of each module in turn, so that a run that ends early has some of all."""
    most = asked.per_module or sys.maxsize
    if asked.modules:
        paths = [path for path in critical_modules() if _is_named(path, asked.modules)]
        chosen = [list(choose(mutants_of(path), most)) for path in paths]
    else:
        chosen = []
        for path, lines in changed_lines().items():
            if path in critical_modules():
                touched = [m for m in mutants_of(path) if lines & set(range(m.start[0], m.end[0] + 1))]
                chosen.append(list(choose(touched, most)))
    return (mutant for turn in itertools.zip_longest(*chosen) for mutant in turn if mutant is not None)


def _is_named(path: Path, names: list[str]) -> bool:
    return any(name == "all" or path == Path(name) or Path(name) in path.parents for name in names)


def _run_all(mutants: list[Mutant], count: int, deadline: float, test_seconds: float) -> None:
    """Run each runner in a process forked from this one, which has made the mutants already."""
    runners = []
    for share in range(count):
        pid = os.fork()
        if pid == 0:
            _run_in_child(mutants[share::count], FOLDER / f"runner-{share}.log", deadline, test_seconds)
        runners.append(pid)
    codes = [os.waitpid(pid, 0)[1] for pid in runners]
    if any(codes):
        raise SystemExit(f"a runner failed: see {FOLDER}/runner-*.log")


def _run_in_child(mutants: list[Mutant], log: Path, deadline: float, test_seconds: float) -> NoReturn:
    code = 1
    try:
        with log.open("w") as file:
            for number in (1, 2):
                os.dup2(file.fileno(), number)
        os.chdir(CHECKOUT)
        runner = Runner(mutants, Reach(FOLDER / "reach"), Session().record, deadline, test_seconds)
        arguments = ["-q", "-n", "0", "-p", "no:randomly", "-p", "no:cacheprovider", "--tb=no", "-m", FAST, "tests"]
        with tempfile.TemporaryDirectory(prefix="drayage-mutants-") as folder:
            code = int(pytest.main([*arguments, f"--basetemp={folder}/tmp"], plugins=[runner]))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
