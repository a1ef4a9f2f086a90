"""The data folder is this user's only; one that was open is closed, and it is said."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from portal.management.commands import prepare
from portal.runtime.data_folder import make_data_folder
from registries.secrets import private_files


def test_a_folder_that_was_open_is_closed_and_named(tmp_path: Path, settings: Any) -> None:
    settings.PORTAL_DATA_DIR = tmp_path / "var"
    said: list[str] = []
    make_data_folder(said.append)
    assert said == []
    (tmp_path / "var/portal.sqlite3").touch()
    (tmp_path / "var/portal.sqlite3").chmod(0o644)
    (tmp_path / "var").chmod(0o755)
    make_data_folder(said.append)
    assert said == [f"2 files and folders were open to other users of this machine in {tmp_path}/var; now private"]
    (tmp_path / "var").chmod(0o711)
    make_data_folder(said.append)
    assert said[1].startswith("1 file or folder was open")
    make_data_folder(said.append)
    assert len(said) == 2


@pytest.mark.parametrize("command", ["prepare", "up"])
def test_another_users_folder_is_refused(
    command: str, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PORTAL_DATA_DIR = tmp_path
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    monkeypatch.setattr(private_files, "ROOT", -1)
    monkeypatch.setattr("signal.signal", lambda *handler: None)
    monkeypatch.setattr(prepare, "call_command", lambda *arguments, **options: pytest.fail("it continues"))
    with pytest.raises(CommandError, match=f"{tmp_path} belongs to user"):
        call_command(command)
