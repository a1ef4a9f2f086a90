"""Sealing keys over time: what is begun, what is deleted, and what can still be opened then."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.db.models.functions import Now
from pytest_django import Settings

from portal.models import Organization
from registries.credential_rows import empty_credential
from registries.models import Credential
from registries.secrets import keyring
from registries.secrets.credential_seal import SealBroken, seal, unseal
from registries.secrets.epochs import begin_epoch, delete_past_epochs
from tests.support.pulls import SECRET, make_credential
from tests.support.seals import BINDING, unsealed

EPOCH_SECONDS, CLOSING_SECONDS = 3600, 600


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    """Keys of this test's own, just made."""
    settings.PORTAL_KEY_DIR = tmp_path / "keys"
    keyring.create_missing()
    return tmp_path / "keys"


def age(folder: Path, seconds: float) -> None:
    """Let `seconds` pass for all keys."""
    for path in folder.rglob("seal-*"):
        moment = path.stat().st_mtime - seconds
        os.utime(path, (moment, moment))


def turn(folder: Path) -> tuple[int, int]:
    """One pass after the current epoch's time is over, and one after the past one has closed."""
    age(folder, EPOCH_SECONDS + 1)
    made = begin_epoch()
    age(folder, CLOSING_SECONDS + 1)
    return made, delete_past_epochs()


def names(folder: Path) -> set[str]:
    return {f"{path.parent.name}/{path.name}" for path in folder.rglob("seal-*")}


def test_a_backup_and_the_keys_of_today_open_nothing(folder: Path, acme: Organization) -> None:
    backup = make_credential(acme, "registry.example.com")
    assert unsealed(backup)["password"] == SECRET
    empty_credential(backup.pk, reason="settled")

    assert turn(folder) == (1, 1)

    for epoch in (backup.epoch, *keyring.opening_epochs()):
        backup.epoch = epoch
        with pytest.raises(SealBroken):
            unsealed(backup)
    assert names(folder) == {"worker/seal-2.key", "web/seal-2.pub"}


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> float:
    """The time of the keys' folder, which stands still."""
    moment = time.time()
    monkeypatch.setattr(keyring, "folder_time", lambda: moment)
    return moment


def begun(folder: Path, now: float, ages: Mapping[int, float]) -> None:
    """Let these epochs have begun that long ago, in seconds."""
    for epoch, seconds in ages.items():
        keyring.create_epoch(after=epoch - 1)
        os.utime(folder / "web" / f"seal-{epoch}.pub", (now - seconds, now - seconds))


def test_an_epoch_seals_for_an_hour(folder: Path, now: float, db: None) -> None:
    begun(folder, now, {1: 3600})
    assert (begin_epoch(), delete_past_epochs()) == (0, 0)
    begun(folder, now, {1: 3601})
    assert (begin_epoch(), delete_past_epochs()) == (1, 0)
    assert (begin_epoch(), delete_past_epochs()) == (0, 0)
    assert keyring.sealing_key()[0] == 2


def test_an_epoch_opens_for_ten_minutes_after_its_end(folder: Path, now: float, db: None) -> None:
    begun(folder, now, {1: 4000, 2: 600})
    assert delete_past_epochs() == 0
    begun(folder, now, {2: 601})
    assert delete_past_epochs() == 1
    assert names(folder) == {"worker/seal-2.key", "web/seal-2.pub"}


def test_an_epoch_ends_when_the_next_one_begins(folder: Path, now: float, db: None) -> None:
    """Not when the newest one does."""
    begun(folder, now, {1: 8000, 2: 4000, 3: 10})
    assert delete_past_epochs() == 1
    assert names(folder) == {f"worker/seal-{epoch}.key" for epoch in (2, 3)} | {
        f"web/seal-{epoch}.pub" for epoch in (2, 3)
    }


def test_without_keys_there_is_nothing_to_do(settings: Settings, tmp_path: Path) -> None:
    settings.PORTAL_KEY_DIR = tmp_path
    assert (begin_epoch(), delete_past_epochs()) == (0, 0)
    assert list(tmp_path.iterdir()) == []


def test_what_is_held_keeps_its_key_though_its_time_is_over(folder: Path, acme: Organization) -> None:
    """The sweeper has not destroyed it yet. It is another organization's than the one after it."""
    held = make_credential(acme, "registry.example.com")
    Credential.objects.filter(pk=held.pk).update(deadline=Now() - timedelta(hours=1))
    assert turn(folder) == (1, 0)
    assert unsealed(held)["password"] == SECRET


def test_rows_keep_no_key_beyond_the_life_of_a_credential(folder: Path, acme: Organization) -> None:
    """A thief who writes the database has every row say that it is held for years."""
    held = make_credential(acme, "registry.example.com")
    Credential.objects.filter(pk=held.pk).update(deadline=Now() + timedelta(days=999))
    assert turn(folder) == (1, 0)
    age(folder, 2 * 3600 + 900 + 3600 - 5)  # the longest pull, and as far as clocks may differ
    assert delete_past_epochs() == 0
    age(folder, 10)
    assert delete_past_epochs() == 1
    with pytest.raises(SealBroken):
        unsealed(held)


def test_what_is_live_keeps_its_key(folder: Path, acme: Organization) -> None:
    credential = make_credential(acme, "registry.example.com")

    assert turn(folder) == (1, 0)
    assert turn(folder) == (1, 1)  # the second epoch, which sealed nothing

    assert unsealed(credential)["password"] == SECRET
    empty_credential(credential.pk, reason="removed")
    assert delete_past_epochs() == 1
    assert keyring.opening_epochs() == [3]


def test_what_was_sealed_a_moment_before_the_epoch_ended_opens(folder: Path, acme: Organization) -> None:
    epoch, sealed = seal({"password": "x"}, BINDING)  # and not stored yet
    age(folder, EPOCH_SECONDS + 1)
    begin_epoch()
    age(folder, CLOSING_SECONDS - 30)

    assert delete_past_epochs() == 0
    assert unseal(sealed, epoch=epoch, credential_id=BINDING.credential_id).secrets == {"password": "x"}


def test_a_host_with_only_public_keys_uses_the_newest(folder: Path, db: None, settings: Settings) -> None:
    turn(folder)
    keyring.create_epoch()
    settings.PORTAL_ZONE = "web"
    assert seal({}, BINDING)[0] == 3
    age(folder, EPOCH_SECONDS * 9)
    before = names(folder)
    assert (begin_epoch(), delete_past_epochs()) == (0, 0)
    assert names(folder) == before, "another zone's keys are not this one's to delete"


def test_several_sweepers_begin_one_epoch_between_them(folder: Path) -> None:
    age(folder, EPOCH_SECONDS + 1)
    barrier = threading.Barrier(6)

    def sweeper() -> None:
        barrier.wait()
        begin_epoch()

    threads = [threading.Thread(target=sweeper) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert names(folder) == {"worker/seal-1.key", "web/seal-1.pub", "worker/seal-2.key", "web/seal-2.pub"}
    epoch, sealed = seal({"password": "x"}, BINDING)
    assert unseal(sealed, epoch=epoch, credential_id=BINDING.credential_id).secrets == {"password": "x"}


def test_an_epoch_that_was_half_begun(folder: Path, db: None) -> None:
    """The sweeper died after the private key: the epoch before it still seals, and is not deleted."""
    keyring.create_epoch()
    (folder / "web" / "seal-2.pub").unlink()
    age(folder, CLOSING_SECONDS + 1)

    assert delete_past_epochs() == 0
    assert keyring.sealing_key()[0] == 1
    assert turn(folder) == (1, 1)
    assert names(folder) == {"worker/seal-2.key", "web/seal-2.pub"}
    epoch, sealed = seal({"password": "x"}, BINDING)
    assert unseal(sealed, epoch=epoch, credential_id=BINDING.credential_id).secrets == {"password": "x"}


@pytest.mark.parametrize("left", ["worker/seal-1.key", "web/seal-1.pub"])
def test_an_epoch_that_was_half_deleted(folder: Path, db: None, left: str) -> None:
    keyring.create_epoch()
    for name in {"worker/seal-1.key", "web/seal-1.pub"} - {left}:
        (folder / name).unlink()
    age(folder, CLOSING_SECONDS + 1)

    delete_past_epochs()

    assert names(folder) == {"worker/seal-2.key", "web/seal-2.pub"}


def test_a_clock_that_was_set_back(folder: Path, db: None) -> None:
    age(folder, -EPOCH_SECONDS * 24)
    assert begin_epoch() == 1
    assert keyring.sealing_epochs()[2] - time.time() < 60
    age(folder, -EPOCH_SECONDS * 24)
    assert delete_past_epochs() == 1


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_host_whose_clock_is_wrong_ends_no_epoch(folder: Path, db: None, hours: int) -> None:
    """Another process may have read the public key and not yet stored what it sealed."""
    keyring.create_epoch()
    with time_machine.travel(time.time() + 3700 * hours):
        assert (begin_epoch(), delete_past_epochs()) == (0, 0)

    assert sorted(keyring.opening_epochs()) == [1, 2]


def test_folders_that_can_not_be_written_hold_nothing_up(
    folder: Path, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError

    really = keyring.delete_epoch
    for _ in range(2):
        keyring.create_epoch()
    age(folder, EPOCH_SECONDS + 1)
    monkeypatch.setattr(keyring, "create_epoch", refuse)
    monkeypatch.setattr(keyring, "delete_epoch", lambda epoch: refuse() if epoch == 1 else really(epoch))
    monkeypatch.setattr(Path, "touch", refuse)
    assert (begin_epoch(), delete_past_epochs()) == (0, 1)
    assert sorted(keyring.opening_epochs()) == [1, 3]
