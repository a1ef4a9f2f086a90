"""Holding a pull at a chosen point."""

from __future__ import annotations

import ast
import os
import threading
import time
from pathlib import Path

from pytest_django.fixtures import Settings

from groups import failpoints
from groups.failpoints import reached

GROUPS = Path(failpoints.__file__).parent


def test_nothing_is_held_without_the_setting(settings: Settings) -> None:
    assert settings.PORTAL_FAILPOINTS_DIR is None
    reached(failpoints.CLAIMED)


def test_whoever_comes_says_so_and_waits_until_the_file_is_gone(settings: Settings, tmp_path: Path) -> None:
    settings.PORTAL_FAILPOINTS_DIR = tmp_path
    reached(failpoints.CLAIMED)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / failpoints.CLAIMED).touch()
    thread = threading.Thread(target=reached, args=(failpoints.CLAIMED,))

    thread.start()

    end = time.monotonic() + 10
    while not (tmp_path / f"claimed.{os.getpid()}.reached").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    assert thread.is_alive()
    (tmp_path / failpoints.CLAIMED).unlink()
    thread.join(10)
    assert not thread.is_alive()


def test_every_failpoint_is_in_the_code() -> None:
    used = {
        node.attr
        for path in GROUPS.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "failpoints"
    }
    named = {name for name in vars(failpoints) if name.isupper() and getattr(failpoints, name) in failpoints.NAMES}

    assert len(named) == len(failpoints.NAMES)
    assert used == named
