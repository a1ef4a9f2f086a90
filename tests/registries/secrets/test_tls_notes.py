"""Who has spoken TLS is noted where no writer of the database can change it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from pytest_django import Settings

from registries.secrets import keyring, tls_notes

HOST = "registry.internal:5000"


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.PORTAL_KEY_DIR = tmp_path
    keyring.create_missing()
    return tmp_path / "worker" / "tls-hosts"


def age(folder: Path, seconds: float) -> None:
    for path in folder.iterdir():
        os.utime(path, (time.time() - seconds,) * 2)


def test_it_is_noted_once(folder: Path) -> None:
    assert not tls_notes.includes(HOST)
    assert tls_notes.note(HOST)
    assert not tls_notes.note(HOST)
    assert tls_notes.includes(HOST)
    assert not tls_notes.includes("registry.internal:5001")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [(path.stat().st_mode & 0o777, path.read_text()) for path in folder.iterdir()] == [(0o600, HOST)]


@pytest.mark.parametrize("host", ["../../layers.key", "x" * 260, "[2001:db8::1]:5000", "ä.example", "a/b\0c"])
def test_any_host_is_a_name_within_the_folder(folder: Path, host: str) -> None:
    assert tls_notes.note(host)
    assert tls_notes.includes(host)
    assert len(list(folder.iterdir())) == 1


def test_the_host_that_spoke_the_longest_ago_makes_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_notes, "MAX_NOTES", 3)
    for host in ("used", "old"):
        tls_notes.note(host)
    age(folder, tls_notes.TOUCH_SECONDS + 1)
    tls_notes.note("used")
    for host in ("new", "newer"):
        tls_notes.note(host)
    assert [tls_notes.includes(host) for host in ("used", "old", "new", "newer")] == [True, False, True, True]


def test_what_others_say_drives_nothing_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer of the database can insert rows."""
    monkeypatch.setattr(tls_notes, "MAX_NOTES", 3)
    tls_notes.note("seen")
    assert tls_notes.note_others(["seen", "said", "said more", "too much"]) == 2
    assert tls_notes.note_others(["said", "too much"]) == 0
    age_of_seen = [path.stat().st_mtime for path in folder.iterdir() if path.read_text() == "seen"]
    assert age_of_seen[0] > 0
    tls_notes.note("seen too")
    assert tls_notes.includes("seen")
    assert tls_notes.includes("seen too")


def test_it_is_forgotten() -> None:
    assert not tls_notes.forget(HOST)
    tls_notes.note(HOST)
    assert tls_notes.forget(HOST)
    assert not tls_notes.includes(HOST)


def test_a_half_written_note_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_notes, "MAX_NOTES", 2)
    tls_notes.note(HOST)
    (folder / f".{'0' * 64}.draft").write_text("")
    assert tls_notes.note("another")
    assert tls_notes.includes(HOST), "there was room for two"
    assert tls_notes.note_others(["other"]) == 0


def test_a_note_says_to_the_day_when_its_host_last_spoke(folder: Path) -> None:
    tls_notes.note(HOST)
    [path] = folder.iterdir()
    for hours, is_touched in ((23, False), (25, True)):
        age(folder, hours * 3600)
        before = path.stat().st_mtime
        tls_notes.note(HOST)
        assert (path.stat().st_mtime > before) is is_touched


def test_a_note_that_somebody_else_deletes_at_the_same_time_is_the_oldest(folder: Path) -> None:
    assert tls_notes._noted_at(folder / "gone") == 0


def test_a_folder_that_can_not_be_read_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **options: object) -> None:
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", refuse)
        with pytest.raises(PermissionError):
            tls_notes.includes(HOST)


def test_the_web_zone_has_none(settings: Settings) -> None:
    settings.PORTAL_ZONE = "web"
    for call in (tls_notes.note, tls_notes.includes, tls_notes.forget):
        with pytest.raises(keyring.KeyUnavailable):
            call(HOST)
    with pytest.raises(keyring.KeyUnavailable):
        tls_notes.note_others([HOST])
