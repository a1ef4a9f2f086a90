"""Blobs as files: drafts, names, what is on disk when, and file systems without hard links."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from groups.failures import StoreFailed
from groups.storage import blob_files, store
from portal.config.storage import FileAccess, storage_options
from tests.groups.storage.test_store import NAME, Pieces, content_of
from tests.support.pulls import stored_files


def test_nothing_has_the_final_name_while_it_is_written(blobs: Path) -> None:
    class Watching(Pieces):
        def pieces(self) -> Iterator[memoryview]:
            for piece in super().pieces():
                assert not (blobs / NAME).exists()
                yield piece

    store.put(NAME, Watching(b"x" * 200_000))

    assert stored_files(blobs) == [blobs / NAME]


@pytest.mark.parametrize("call", ["write", "fsync", "link"])
def test_a_disk_that_fails_leaves_nothing(blobs: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/secret/path")

    monkeypatch.setattr(f"groups.storage.blob_files.os.{call}", fail)

    with pytest.raises(StoreFailed) as caught:
        store.put(NAME, Pieces(b"x" * 200_000))

    assert caught.value.raw == "ENOSPC"
    assert stored_files(blobs) == []


def test_the_file_is_on_disk_before_it_has_its_name(blobs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def noting(name: str) -> Callable[..., Any]:
        really = getattr(os, name)

        def call(*arguments: object) -> Any:
            calls.append(name)
            return really(*arguments)

        return call

    for name in ("fsync", "link"):
        monkeypatch.setattr(f"groups.storage.blob_files.os.{name}", noting(name))
    (blobs / "org/ab").mkdir(parents=True)
    (blobs / blob_files.DRAFTS).mkdir()

    store.put(NAME, Pieces(b"x"))

    assert calls == ["fsync", "link", "fsync"]
    calls.clear()
    store.put("other/cd/cdef", Pieces(b"x"))
    assert calls == ["fsync"] * 2 + ["fsync", "link", "fsync"], "each new folder is in the one above it first"
    assert (blobs / NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("access", "file", "folder"),
    [
        (FileAccess(), 0o600, 0o700),
        (FileAccess(os.getgid()), 0o640, 0o750),
        (FileAccess(everybody=True), 0o644, 0o755),
    ],
)
def test_who_may_read_a_blob(
    access: FileAccess, file: int, folder: int, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "chown", lambda entry, user, group: owners.append((user, group)))
    entry = storage_options(f"file://{tmp_path}/blobs", access)
    settings.STORAGES = settings.STORAGES | {"blobs": entry}
    before = os.umask(0o077)
    store.put(NAME, Pieces(b"x"))
    os.umask(before)

    made = [tmp_path / "blobs", *(tmp_path / "blobs").rglob("*")]
    modes = {path: path.stat().st_mode & 0o777 for path in made}
    assert {mode for path, mode in modes.items() if path.is_file()} == {file}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {folder}
    assert set(owners) == ({(-1, access.group)} if access.group is not None else set())


def test_a_link_that_fails_for_another_reason_is_a_failure(blobs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("groups.storage.blob_files.os.link", refuse)
    with pytest.raises(StoreFailed):
        store.put(NAME, Pieces(b"x"))
    assert stored_files(blobs) == []


def test_two_that_write_one_name_at_once_do_not_mix(blobs: Path) -> None:
    """The second finds the draft of the first, and leaves it alone."""

    class Other(Pieces):
        def pieces(self) -> Iterator[memoryview]:
            with pytest.raises(StoreFailed):
                store.put(NAME, Pieces(b"second"))
            yield from super().pieces()

    store.put(NAME, Other(b"first"))

    assert content_of(NAME) == b"first"
    assert stored_files(blobs) == [blobs / NAME]


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.EMLINK])
def test_a_file_system_without_hard_links(blobs: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(number, "Operation not permitted")

    monkeypatch.setattr("groups.storage.blob_files.os.link", refuse)
    store.put(NAME, Pieces(b"renamed"))

    assert content_of(NAME) == b"renamed"
    with pytest.raises(StoreFailed):
        store.put(NAME, Pieces(b"again"))
    assert content_of(NAME) == b"renamed"
    assert stored_files(blobs) == [blobs / NAME]


def test_hidden_folders_hold_no_blobs(blobs: Path) -> None:
    """Such as a file system's own snapshots."""
    hidden = blobs / ".snapshots" / "daily"
    hidden.mkdir(parents=True)
    (hidden / "1").write_bytes(b"x")

    assert list(store.names()) == []


def test_old_drafts_go_and_young_ones_stay(blobs: Path) -> None:
    drafts = blobs / blob_files.DRAFTS
    drafts.mkdir(parents=True)
    (drafts / "old").write_bytes(b"x")
    (drafts / "young").write_bytes(b"x")
    os.utime(drafts / "old", (0, 0))

    assert store.remove_unfinished(datetime.now(UTC) - timedelta(hours=1)) == 1

    assert [path.name for path in drafts.iterdir()] == ["young"]
    assert list(store.names()) == []


def test_discarding_removes_a_draft_too(blobs: Path) -> None:
    drafts = blobs / blob_files.DRAFTS
    drafts.mkdir(parents=True)
    (drafts / "abcdef").write_bytes(b"half")

    store.try_delete(NAME)

    assert stored_files(blobs) == []
