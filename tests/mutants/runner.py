"""Runs the tests that reach a mutant against it, each mutant in a process forked from one that collected all tests.

A pytest plugin: instead of the tests it runs what it is given. Two that run at once have files of their own.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.db import connections
from django.urls import get_resolver

from portal.runtime.supervisor import signal_session
from tests.mutants.apply import NeedsImport, changed_functions, exchange, functions
from tests.mutants.listing import Mutant
from tests.mutants.mutated_import import VARIABLE
from tests.mutants.reach import Reach, runs_at_import
from tests.support.product_modules import CHECKOUT, MODULES

_write = os.write
"""As it is, whatever a test replaces."""
MAX_FILE_BYTES = 2_000_000_000
"""A mutant may write without end."""


@dataclass(frozen=True)
class Result:
    """`killed` if a test noticed; `by` is that test, or why there is none."""

    killed: bool
    by: str


class Runner:
    """`record` is called with each mutant and its result, until `deadline` on the monotonic clock. Of the tests that
    reach a mutant those run, nearest first, that usually take `test_seconds` together."""

    def __init__(
        self,
        mutants: Iterable[Mutant],
        reach: Reach,
        record: Callable[[Mutant, Result], None],
        deadline: float,
        test_seconds: float,
    ) -> None:
        self._mutants = mutants
        self._test_seconds = test_seconds
        self._reach = reach
        self._record = record
        self._deadline = deadline
        self._sound: dict[str, bool] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._items = {item.nodeid: item for item in session.items}
        for name in MODULES:
            if not name.endswith(".__main__") and name != "portal.wsgi":  # which starts a thread
                importlib.import_module(name)  # some are otherwise imported by the first request
        self._functions = functions()
        list(get_resolver().reverse_dict)  # read here once, not in each fork
        _set_up_session(session.items)
        self._home = Home()
        for mutant in self._mutants:
            if time.monotonic() > self._deadline:
                break
            self._record(mutant, self._run(mutant))
        return True

    def _run(self, mutant: Mutant) -> Result:
        tests = self._tests(mutant)
        if not tests:
            return Result(False, "no test runs this line")
        while True:
            try:
                result = self._in_fork(mutant, tests)
            except NeedsImport:
                result = self._in_new_process(mutant, tests)
            if not result.killed or result.by not in self._items or self._is_sound(result.by):
                return result
            tests.remove(result.by)

    def _tests(self, mutant: Mutant) -> list[str]:
        chosen: list[str] = []
        seconds = 0.0
        for test in self._reach.tests(mutant.path, mutant.start[0], mutant.end[0]):
            seconds += self._reach.seconds.get(test, 1.0)
            if test in self._items and (seconds < self._test_seconds or not chosen):
                chosen.append(test)
        return chosen

    def _is_sound(self, test: str) -> bool:
        """Whether a test passes without a mutant. One that doesn't says nothing of any."""
        if test not in self._sound:
            self._sound[test] = self._fork(lambda: None, [test]) is None
        return self._sound[test]

    def _in_fork(self, mutant: Mutant, tests: list[str]) -> Result:
        changed = changed_functions(mutant.path, mutant.source or "")
        if runs_at_import(mutant.path, mutant.start[0], mutant.end[0]):
            raise NeedsImport(mutant.key)
        for key, code in changed.items():
            if any(function.__code__.co_freevars != code.co_freevars for function in self._functions.get(key, [])):
                raise NeedsImport(key)
        by = self._fork(lambda: exchange(changed, self._functions), tests)
        return Result(by is not None, by or "")

    def _fork(self, prepare: Callable[[], None], tests: list[str]) -> str | None:
        """Return the test that failed, or why the process ended otherwise; None if all passed."""
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            self._run_as_child(prepare, tests, writing)
        os.close(writing)
        try:
            return _outcome(pid, reading, 20 + self._limit(tests))
        finally:
            self._home.restore()

    def _limit(self, tests: list[str]) -> float:
        """The time that these tests may take, in seconds: several times as long as usual."""
        return 5 * sum(self._reach.seconds.get(test, 1.0) for test in tests)

    def _run_as_child(self, prepare: Callable[[], None], tests: list[str], writing: int) -> None:
        os.setsid()
        _limit_files()
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nothing, number)
        try:
            items = [self._items[test] for test in tests]
            items[0].config.pluginmanager.register(_FirstFailure(writing))
            prepare()
            for item, following in zip(items, [*items[1:], items[-1]], strict=True):
                item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            os._exit(0)
        except BaseException as error:
            _write(writing, f"the run ended: {type(error).__name__}".encode())
        finally:
            os._exit(1)

    def _in_new_process(self, mutant: Mutant, tests: list[str]) -> Result:
        files = sorted({test.partition("::")[0] for test in tests})
        with tempfile.TemporaryDirectory(prefix="drayage-mutant-") as folder:
            given = Path(folder, "mutant.json")
            given.write_text(json.dumps({"path": str(CHECKOUT / mutant.path), "source": mutant.source, "tests": tests}))
            command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:randomly"]
            command += ["-p", "tests.mutants.mutated_import", f"--basetemp={folder}/tmp", "--tb=no", *files]
            process = subprocess.Popen(
                command,
                cwd=CHECKOUT,
                env={name: value for name, value in os.environ.items() if name != "PORTAL_DATA_DIR"}
                | {VARIABLE: str(given)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
                preexec_fn=_limit_files,
            )
            try:
                said, _ = process.communicate(
                    timeout=60 + 5 * sum(self._reach.seconds.get(test, 1.0) for test in tests)
                )
            except subprocess.TimeoutExpired:
                said = "timeout"
            finally:
                signal_session(process.pid)
                process.communicate()
        if process.returncode == 0:
            return Result(False, "")
        failed = [line.split(" ")[1] for line in said.splitlines() if line.startswith(("FAILED ", "ERROR "))]
        return Result(True, failed[0] if failed else said.strip().splitlines()[-1] if said.strip() else "ended")


class _FirstFailure:
    """Ends the process at the first test that fails, after saying which."""

    def __init__(self, writing: int) -> None:
        self._writing = writing

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            _write(self._writing, report.nodeid.encode())
            os._exit(1)


class Home:
    """The folder of this process' database, keys and files, as it is now."""

    def __init__(self) -> None:
        self._folder = Path(os.environ["PORTAL_DATA_DIR"])
        self._copy = tempfile.TemporaryDirectory(prefix="drayage-home-")
        shutil.copytree(self._folder, self._copy.name, dirs_exist_ok=True)

    def restore(self) -> None:
        """Undo whatever a process did in it before it ended."""
        for path in self._folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        shutil.copytree(self._copy.name, self._folder, dirs_exist_ok=True)


def _set_up_session(items: list[pytest.Item]) -> None:
    """Run one test that uses the database and leave the fixtures of the session to the forks: its migration takes
    seconds. The next test is named as one of another folder, so that the fixtures of all others go."""
    first = next(item for item in items if isinstance(item, pytest.Function) and "db" in item.fixturenames)
    folder = first.nodeid.split("/")[1]
    elsewhere = next(item for item in items if item.nodeid.split("/")[1] != folder)
    first.ihook.pytest_runtest_protocol(item=first, nextitem=elsewhere)
    connections.close_all()


def _limit_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))


def _outcome(pid: int, reading: int, seconds: float) -> str | None:
    end = time.monotonic() + seconds
    status = None
    while status is None and time.monotonic() < end:
        done, code = os.waitpid(pid, os.WNOHANG)
        status = code if done else None
        time.sleep(0.005)
    timed_out = status is None
    signal_session(pid, signal.SIGKILL)
    if status is None:
        os.waitpid(pid, 0)
    os.set_blocking(reading, False)  # a process that a test left may hold the other end
    with os.fdopen(reading, "rb") as pipe:
        said = (pipe.read() or b"").decode()
    if timed_out:
        return "timeout"
    return None if status == 0 else said or f"ended with {status}"
