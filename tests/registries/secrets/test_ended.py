"""What has ended is noted where no writer of the database can change it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from pytest_django import Settings

from registries.secrets import ended, keyring
from registries.secrets.ended import Kind

ID = "00000000-0000-0000-0000-000000000001"


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.PORTAL_KEY_DIR = tmp_path
    keyring.create_missing()
    return tmp_path / "worker" / "ended"


def test_it_is_noted_once(folder: Path) -> None:
    assert not ended.has_ended(Kind.CREDENTIAL, ID)
    assert ended.forget(Kind.CREDENTIAL, after_seconds=0) == 0
    assert ended.note(Kind.CREDENTIAL, [ID]) == 1
    assert ended.note(Kind.CREDENTIAL, [ID]) == 0
    assert ended.has_ended(Kind.CREDENTIAL, ID)
    assert not ended.has_ended(Kind.NODE_KEY, ID)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o600]


def test_old_notes_of_a_kind_are_forgotten(folder: Path) -> None:
    ended.note(Kind.CREDENTIAL, [ID])
    ended.note(Kind.NODE_KEY, ["ab"])
    assert ended.forget(Kind.CREDENTIAL, after_seconds=60) == 0
    for path in folder.iterdir():
        os.utime(path, (time.time() - 61, time.time() - 61))
    assert ended.forget(Kind.CREDENTIAL, after_seconds=60) == 1
    assert ended.has_ended(Kind.NODE_KEY, "ab")


def test_the_web_zone_knows_replaced_keys_and_nothing_else(folder: Path, settings: Settings) -> None:
    ended.note(Kind.CREDENTIAL, [ID])
    ended.note(Kind.NODE_KEY, ["ab"])
    settings.PORTAL_ZONE = "web"
    assert ended.is_replaced("ab")
    assert not ended.is_replaced("cd")
    published = folder.parent.parent / "web" / "ended"
    assert os.listdir(published) == ["node-key-ab"]
    assert published.stat().st_mode & 0o777 == 0o700


def test_what_was_noted_earlier_is_published_later(folder: Path) -> None:
    ended.note(Kind.NODE_KEY, ["ab"])
    (folder.parent.parent / "web" / "ended" / "node-key-ab").unlink()
    assert ended.note(Kind.NODE_KEY, []) == 0
    assert ended.is_replaced("ab")


@pytest.mark.parametrize("text", ["", "../layers.key", "a/b", "A", "x" * 65])
def test_only_an_id_names_a_file(text: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        ended.note(Kind.CREDENTIAL, [text])


def test_the_web_zone_has_none(settings: Settings) -> None:
    settings.PORTAL_ZONE = "web"
    with pytest.raises(keyring.KeyUnavailable):
        ended.has_ended(Kind.CREDENTIAL, ID)
    with pytest.raises(keyring.KeyUnavailable):
        ended.note(Kind.CREDENTIAL, [ID])
