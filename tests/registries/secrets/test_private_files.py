"""Key files: whole or not there, written once, and readable by their user only."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
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


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


class TestMakePrivate:
    def test_a_new_folder(self, tmp_path: Path, usual_umask: None) -> None:
        assert private_files.make_private(tmp_path / "data") == 0
        assert mode(tmp_path / "data") == 0o700

    def test_one_that_was_open_is_closed_with_what_is_in_it(self, tmp_path: Path, usual_umask: None) -> None:
        data, outside = tmp_path / "data", tmp_path / "outside"
        (data / "deep/er").mkdir(parents=True)
        for file in (data / "db", data / "deep/er/file", outside):
            file.write_text("x")
        (data / "deep/er/run").touch(mode=0o755)
        (data / "link").symlink_to(outside)
        (data / "dangling").symlink_to(tmp_path / "nothing")
        (data / "shared").mkdir(mode=0o2770)
        (data / "shared").chmod(0o2770)

        assert private_files.make_private(data) == 7
        assert {mode(path) & 0o077 for path in [data, *data.rglob("*")] if not path.is_symlink()} == {0}
        assert mode(data / "deep/er/run") == 0o700
        assert mode(outside) == 0o644, "what a link leads to is another folder's"
        assert private_files.make_private(data) == 0

    def test_what_is_below_a_private_folder_stays(self, tmp_path: Path, usual_umask: None) -> None:
        """Such as the files of images that the demo's node has unpacked."""
        (tmp_path / "data/node").mkdir(parents=True)
        (tmp_path / "data/node/passwd").touch(mode=0o644)
        (tmp_path / "data/node").chmod(0o700)
        assert private_files.make_private(tmp_path / "data") == 1
        assert mode(tmp_path / "data/node/passwd") == 0o644

    def test_an_interrupted_run_is_completed(
        self, tmp_path: Path, usual_umask: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "data/a").mkdir(parents=True)
        (tmp_path / "data/a/b").touch()
        with monkeypatch.context() as interrupted:
            interrupted.setattr(Path, "chmod", _interrupt)
            with pytest.raises(KeyboardInterrupt):
                private_files.make_private(tmp_path / "data")
        assert private_files.make_private(tmp_path / "data") == 3

    @pytest.mark.parametrize(
        ("owner", "bits", "refused"),
        [
            ("me", 0o777, False),
            ("root", 0o750, False),
            ("root", 0o755, True),
            ("other", 0o700, True),
            ("other", 0o770, True),
        ],
    )
    def test_whose_folder_it_may_be(
        self, owner: str, bits: int, refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tmp_path.chmod(bits)
        real = tmp_path.stat().st_uid
        users = {"me": real, "root": real + 1, "other": real + 1}
        monkeypatch.setattr(os, "getuid", lambda: users[owner])
        monkeypatch.setattr(private_files, "ROOT", real if owner == "root" else -1)
        if refused:
            with pytest.raises(private_files.NotPrivate, match=str(tmp_path)):
                private_files.make_private(tmp_path)
        else:
            private_files.make_private(tmp_path)
        assert mode(tmp_path) == (0o700 if owner == "me" else bits)

    def test_a_file_of_another_user_in_it_is_named(
        self, tmp_path: Path, usual_umask: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "theirs").touch()
        monkeypatch.setattr(Path, "chmod", _refuse)
        tmp_path_mode = mode(tmp_path)
        os.chmod(tmp_path, 0o755)
        with pytest.raises(private_files.NotPrivate, match="theirs"):
            private_files.make_private(tmp_path)
        os.chmod(tmp_path, tmp_path_mode)

    def test_what_vanishes_is_no_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "draft").touch(mode=0o644)
        (tmp_path / "draft").chmod(0o644)
        os.chmod(tmp_path, 0o755)
        monkeypatch.setattr(Path, "chmod", _vanished)
        assert private_files.make_private(tmp_path) == 1, "the folder itself"


def test_what_is_created_from_then_on_is_private(tmp_path: Path, usual_umask: None) -> None:
    private_files.keep_private()
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    assert (mode(tmp_path / "file"), mode(tmp_path / "folder")) == (0o600, 0o700)


def _interrupt(path: Path, bits: int) -> None:
    raise KeyboardInterrupt


def _refuse(path: Path, bits: int) -> None:
    raise PermissionError(path)


def _vanished(path: Path, bits: int) -> None:
    if path.name == "draft":
        raise FileNotFoundError(path)
    os.chmod(path, bits)
