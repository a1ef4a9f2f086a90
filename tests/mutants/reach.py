"""Which tests run which lines, and how long each takes: the fast tests run once, measured by coverage.

Later only the files of tests that changed are run again. As a plugin (`-p tests.mutants.reach`) it measures the process
that it is loaded into, pytest-xdist's workers too.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import coverage
import pytest

from tests.support.product_modules import APPS, CHECKOUT
from tests.test_mirror import TESTED_BY

FAST = "not interop and not faults and not browser"
_FOLDER = "MUTANTS_REACH_DIR"


class Reach:
    """What `measure` found, from its folder."""

    def __init__(self, folder: Path) -> None:
        self._data = coverage.CoverageData(str(folder / "coverage"))
        self._data.read()
        self.seconds: dict[str, float] = _read(folder / "seconds.json")
        self._digests: dict[str, str] = _read(folder / "digests.json")
        self._lines: dict[Path, dict[int, list[str]]] = {}

    def tests(self, path: Path, first: int, last: int) -> list[str]:
        """The tests that run one of these lines of the module: the quickest of its own tests first, then those of the
        folder that mirrors its own. For lines that run while the module is imported, and in a module that was changed
        since: all that are its own or run any of its functions, or else all in that folder."""
        by_line, folder, own = self._by_line(path), f"tests/{path.parent}/", _own_tests(path)
        found: set[str] = set()
        if self._digests.get(str(path)) == _digest(path) and not runs_at_import(path, first, last):
            found = {test for line in range(first, last + 1) for test in by_line.get(line, ()) if test}
        if not found:
            inside = _lines_of_functions(path)
            found = {test for line, tests in by_line.items() if line in inside for test in tests if test}
            found |= {test for test in self.seconds if test.startswith(own)}
        if not found:
            found = {test for test in self.seconds if test.startswith(folder)}

        def distance(test: str) -> tuple[bool, bool, float, str]:
            return not test.startswith(own), not test.startswith(folder), self.seconds.get(test, 1.0), test

        return sorted(found, key=distance)

    def _by_line(self, path: Path) -> dict[int, list[str]]:
        if path not in self._lines:
            self._lines[path] = self._data.contexts_by_lineno(str(path))
        return self._lines[path]


def runs_at_import(path: Path, first: int, last: int) -> bool:
    """Whether one of these lines is in no function, and so runs once, while its module is imported."""
    inside = _lines_of_functions(path)
    return any(line not in inside for line in range(first, last + 1))


def _own_tests(path: Path) -> tuple[str, ...]:
    """What the ids of the tests begin with that are about this module."""
    module = ".".join(path.with_suffix("").parts)
    elsewhere = (f"tests/{file}::" for file, modules in TESTED_BY.items() if module in modules)
    return (f"tests/{path.parent}/test_{path.stem}", *elsewhere)


@cache
def _lines_of_functions(path: Path) -> frozenset[int]:
    """The lines of the bodies of functions; decorators, defaults and annotations are outside."""
    functions = (
        node
        for node in ast.walk(ast.parse((CHECKOUT / path).read_bytes()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return frozenset(
        line for node in functions for line in range(node.body[0].lineno, (node.end_lineno or node.lineno) + 1)
    )


def measure(folder: Path) -> None:
    """Bring what is known in the folder up to date. Tests may fail here: a mutant is only killed by one that passes
    without it."""
    folder.mkdir(parents=True, exist_ok=True)
    known = _read(folder / "digests.json")
    digests = {str(path): _digest(path) for path in _sources()}
    changed = [path for path in digests if _is_test_file(path) and known.get(path) != digests[path]]
    if not changed:
        return
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-m", FAST, "-p", "tests.mutants.reach", *changed]
    done = subprocess.run(command, cwd=CHECKOUT, env=os.environ | {_FOLDER: str(folder)}, check=False)
    if done.returncode not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
        done.check_returncode()
    _merge(folder)
    modules = {path: digests[path] for path in digests if not _is_test_file(path) and not known}
    tests = {path: digests[path] for path in digests if _is_test_file(path)}
    (folder / "digests.json").write_text(json.dumps(known | modules | tests))


def _merge(folder: Path) -> None:
    """Take in what each process has left."""
    merged = coverage.Coverage(data_file=str(folder / "coverage"), config_file=False)
    merged.set_option("run:relative_files", True)
    parts = [str(path) for path in folder.glob("coverage.*")]
    if parts:
        if (folder / "coverage").exists():
            merged.load()
        merged.combine(parts)
        merged.save()
    seconds = _read(folder / "seconds.json")
    for path in folder.glob("seconds-*.json"):
        seconds |= _read(path)
        path.unlink()
    (folder / "seconds.json").write_text(json.dumps(seconds))


def _sources() -> Iterable[Path]:
    for top in (*APPS, "tests"):
        yield from (path.relative_to(CHECKOUT) for path in (CHECKOUT / top).rglob("*.py"))


def _is_test_file(path: str) -> bool:
    return path.startswith("tests/") and path.rpartition("/")[2].startswith("test_")


def _digest(path: Path) -> str:
    return hashlib.sha256((CHECKOUT / path).read_bytes()).hexdigest()


def _read(path: Path) -> Any:
    return json.loads(path.read_text()) if path.exists() else {}


class _Measuring:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._coverage = coverage.Coverage(
            data_file=str(folder / "coverage"),
            data_suffix=True,
            config_file=False,
            source=[str(CHECKOUT / app) for app in APPS],
        )
        self._coverage.set_option("run:relative_files", True)
        self._coverage.start()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._coverage.switch_context(item.nodeid)
        try:
            return (yield)
        finally:
            self._coverage.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] += report.duration

    def pytest_unconfigure(self) -> None:
        self._coverage.stop()
        self._coverage.save()
        (self._folder / f"seconds-{os.getpid()}.json").write_text(json.dumps(self._seconds))


def pytest_configure(config: pytest.Config) -> None:
    if _measuring is not None:
        config.pluginmanager.register(_measuring)


_is_worker = "PYTEST_XDIST_WORKER" in os.environ
_measuring = _Measuring(Path(os.environ[_FOLDER])) if _FOLDER in os.environ and _is_worker else None
"""Begun when the plugin is loaded, before anything imports the product."""
