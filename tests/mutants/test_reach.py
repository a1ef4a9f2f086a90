"""Which tests are tried with a mutant: those that run its line, or its module where the line runs at import."""

from __future__ import annotations

import json
from pathlib import Path

import coverage
import pytest

from tests.mutants.reach import Reach, _digest, runs_at_import
from tests.support.product_modules import CHECKOUT

pytestmark = pytest.mark.slow

MODULE = Path("registries/foundation/clock.py")
LINES = (CHECKOUT / MODULE).read_text().splitlines()
DEFINED, QUERIED = LINES.index("def database_now() -> datetime:") + 1, LINES.index("    query = Query(None)") + 1
NEAR, QUICK, OTHER = (
    "tests/registries/foundation/test_clock.py::test_now",
    "tests/groups/test_sweep.py::test_quick",
    "tests/groups/test_sweep.py::test_other",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a measurement leaves: two tests ran the function, one only imported the module, one did neither."""
    data = coverage.CoverageData(str(tmp_path / "coverage"))
    for test, line in ((NEAR, QUERIED), (QUICK, QUERIED), (OTHER, DEFINED)):
        data.set_context(test)
        data.add_lines({str(MODULE): [line]})
    data.write()
    (tmp_path / "seconds.json").write_text(json.dumps({NEAR: 3.0, QUICK: 0.1, OTHER: 0.1}))
    (tmp_path / "digests.json").write_text(json.dumps({str(MODULE): _digest(MODULE)}))
    return tmp_path


def test_the_tests_of_a_line_with_those_of_its_module_first(folder: Path) -> None:
    assert Reach(folder).tests(MODULE, QUERIED, QUERIED) == [NEAR, QUICK]


def test_the_nearest_come_first(folder: Path) -> None:
    ran = [
        "tests/portal/test_a.py::test_a",
        "tests/groups/test_b.py::test_b",
        "tests/groups/ingest/test_pull.py::test_c",
    ]
    jobs = Path("groups/jobs.py")
    last = len((CHECKOUT / jobs).read_text().splitlines())
    data = coverage.CoverageData(str(folder / "coverage"))
    for test in ran:
        data.set_context(test)
        data.add_lines({str(jobs): [last]})
    data.write()

    # Its own tests are in another folder, as `tests.test_mirror` says.
    assert Reach(folder).tests(jobs, last, last) == [ran[2], ran[1], ran[0]]


def test_of_a_line_that_runs_at_import_whoever_runs_the_functions(folder: Path) -> None:
    """Not the test that happened to import the module first."""
    assert runs_at_import(MODULE, DEFINED, DEFINED)
    assert not runs_at_import(MODULE, QUERIED, QUERIED)
    assert Reach(folder).tests(MODULE, DEFINED, DEFINED) == [NEAR, QUICK]


def test_of_a_module_that_changed_since_whoever_runs_its_functions(folder: Path) -> None:
    (folder / "digests.json").write_text(json.dumps({str(MODULE): "of another day"}))
    assert Reach(folder).tests(MODULE, QUERIED + 1, QUERIED + 1) == [NEAR, QUICK]


def test_of_a_module_without_functions_the_folder_that_mirrors_its_own(folder: Path) -> None:
    assert Reach(folder).tests(Path("groups/urls.py"), 1, 1) == [OTHER, QUICK]
    assert Reach(folder).tests(Path("registries/foundation/ids.py"), 1, 1) == [NEAR]
