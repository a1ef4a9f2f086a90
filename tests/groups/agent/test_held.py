"""The file of an instance, and what the portal gets of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from groups.agent import held
from groups.agent.held import Held
from tests.support.agent_machine import ID, SECOND, start_of


def test_the_file_has_all_but_the_token(tmp_path: Path) -> None:
    more: dict[str, Any] = {
        "command": ["run", "it"],
        "environment": {"KEY": "value"},
        "restart_policy": "never",
        "cpu": 2.0,
    }
    Held(start_of(**more, memory_mb=64, gpu="x", size=9), reported="running", parked=True).write(tmp_path)
    (path,) = tmp_path.iterdir()
    assert (path.name, path.stat().st_mode & 0o777) == (f"{ID}.json", 0o600)
    assert "drt_secret" not in path.read_text()
    assert "token" not in path.read_text()

    (found,) = held.read(tmp_path)
    assert found.start.token == ""
    assert found.start.image == start_of().image
    assert {name: getattr(found.start, name) for name in more} == more
    assert (found.start.memory_mb, found.start.gpu, found.start.size) == (64, "x", 9)
    assert (found.reported, found.parked) == ("running", True)


@pytest.mark.parametrize("change", ["not json", "other name", "no state", "odd id", "more"])
def test_a_file_that_can_not_be_read_goes_and_no_other(tmp_path: Path, change: str) -> None:
    for name in (ID, SECOND):
        Held(start_of(name)).write(tmp_path)
    path = tmp_path / f"{ID}.json"
    text = path.read_text()
    changes = {
        "not json": "{",
        "other name": text.replace(ID, SECOND),
        "no state": text.replace('"told"', '"old"'),
        "odd id": text.replace(ID, "../x"),
        "more": text.replace('"image"', '"images"'),
    }
    path.write_text(changes[change])
    assert [found.id for found in held.read(tmp_path)] == [SECOND]
    assert [left.name for left in tmp_path.iterdir()] == [f"{SECOND}.json"]


@pytest.mark.parametrize(
    ("state", "reported", "shown", "has_code", "has_message"),
    [
        ("running", "", "creating", True, False),
        ("running", "downloading", "creating", True, False),
        ("running", "creating", "running", False, True),
        ("running", "running", "running", False, True),
        ("creating", "running", "creating", True, True),
        ("exited", "running", "exited", True, True),
        ("allocating", "", "allocating", False, True),
        ("stopping", "", "stopping", False, True),
    ],
)
def test_what_is_reported(state: str, reported: str, shown: str, has_code: bool, has_message: bool) -> None:
    report = Held(start_of(), state=state, reported=reported, message="why", progress=5, exit_code=0).report()
    assert report == {
        "id": ID, "state": shown, "progress": 5, "message": "why" if has_message else "",
    } | ({"exit_code": 0} if has_code else {})  # fmt: skip
