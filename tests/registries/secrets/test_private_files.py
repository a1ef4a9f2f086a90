"""Key files: whole or not there, written once, and readable by their user only."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from registries.secrets import private_files


def test_a_file_is_for_its_user_only(tmp_path: Path) -> None:
    private_files.write_once(tmp_path / "key", b"one")

    assert (tmp_path / "key").read_bytes() == b"one"
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_what_is_there_stays(tmp_path: Path) -> None:
    private_files.write_once(tmp_path / "key", b"one")
    private_files.write_once(tmp_path / "key", b"other")

    assert (tmp_path / "key").read_bytes() == b"one"


def test_of_several_at_once_one_is_kept_whole(tmp_path: Path) -> None:
    contents = [bytes([number]) * 100_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: private_files.write_once(tmp_path / "key", content), contents))

    assert (tmp_path / "key").read_bytes() in contents
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_no_draft_is_left_where_another_process_was_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private_files.write_once(tmp_path / "key", b"one")
    monkeypatch.setattr(Path, "exists", lambda path: False)
    private_files.write_once(tmp_path / "key", b"other")

    assert (tmp_path / "key").read_bytes() == b"one"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_deleting_says_whether_it_was_there(tmp_path: Path) -> None:
    private_files.write_once(tmp_path / "key", b"one")

    assert private_files.delete(tmp_path / "key") is True
    assert private_files.delete(tmp_path / "key") is False
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_or_deleted_survives_a_power_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content is on the disk before the file has its name, and the folder after it."""
    path = tmp_path / "key"
    synced: list[tuple[bool, int, bool]] = []
    handles: set[int] = set()

    def note(handle: int) -> None:
        handles.add(handle)
        status = os.fstat(handle)
        is_folder = stat.S_ISDIR(status.st_mode)
        synced.append((is_folder, 0 if is_folder else status.st_size, path.exists()))

    monkeypatch.setattr(os, "fsync", note)
    private_files.write_once(path, b"one")
    assert synced == [(False, 3, False), (True, 0, True)]
    synced.clear()
    private_files.delete(path)
    assert synced == [(True, 0, False)]
    for handle in handles:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(handle)
