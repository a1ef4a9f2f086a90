"""Key files: made once, readable by their owner, and parted by zone."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import Settings

from registries.secrets import keyring
from registries.secrets.credential_seal import seal, unseal
from tests.support.seals import BINDING


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    """An empty place for keys."""
    settings.PORTAL_KEY_DIR = tmp_path / "keys"
    return tmp_path / "keys"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_key_is_made_in_its_zone(folder: Path) -> None:
    keyring.create_missing()

    assert set(contents(folder)) == {
        "web/data.key",
        "web/manifests.pub",
        "web/seal-1.pub",
        "web/sign-ins.pub",
        "worker/layers.key",
        "worker/seal-1.key",
        "worker/credentials-bound.done",
        "worker/accounts-marked.done",
        "worker/addresses-marked.done",
        "worker/digests-keyed.done",
        "worker/identities-marked.done",
        "worker/keys-owned.done",
        "worker/nodes-vouched.done",
    }
    assert len(keyring.data_key()) == len(keyring.layers_key()) == 32
    assert keyring.data_key() != keyring.layers_key()


def test_making_them_again_changes_nothing(folder: Path) -> None:
    keyring.create_missing()
    before = contents(folder)

    keyring.create_missing()

    assert contents(folder) == before


def test_only_the_owner_can_read_them(folder: Path) -> None:
    keyring.create_missing()

    keyring.create_epoch()
    modes = {path.relative_to(folder).parts: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}
    assert len(modes) == 17
    assert modes == {parts: 0o700 if len(parts) == 1 else 0o600 for parts in modes}


def test_two_that_make_them_at_once_agree(folder: Path) -> None:
    seen: list[bytes] = []

    def make() -> None:
        keyring.create_missing()
        epoch, sealed = seal({"password": "x"}, BINDING)
        unseal(sealed, epoch=epoch, credential_id=BINDING.credential_id)
        seen.append(keyring.data_key() + keyring.layers_key())

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(seen) == 4
    assert len(set(seen)) == 1


def test_the_web_zone_reads_no_key_of_the_workers(folder: Path, settings: Settings) -> None:
    keyring.create_missing()
    settings.PORTAL_ZONE = "web"

    keyring.data_key()
    keyring.sealing_key()
    with pytest.raises(keyring.KeyUnavailable):
        keyring.layers_key()
    with pytest.raises(keyring.KeyUnavailable):
        keyring.opening_key(1)


def test_without_keys_it_says_how_to_make_them(folder: Path) -> None:
    with pytest.raises(keyring.KeyUnavailable, match=r"run manage\.py"):
        keyring.sealing_key()
    with pytest.raises(keyring.KeyUnavailable):
        keyring.data_key()


def test_the_newest_epoch_seals(folder: Path) -> None:
    keyring.create_missing()
    for _ in range(10):
        keyring.create_epoch()

    assert keyring.sealing_key()[0] == 11


@pytest.mark.parametrize("name", ["seal-x.pub", "seal-.pub", "seal-99.pub.bak", "seal-1234567890.pub"])
def test_other_files_are_no_epochs(folder: Path, name: str) -> None:
    keyring.create_missing()
    (folder / "web" / name).write_bytes(b"")

    assert keyring.sealing_key()[0] == 1


def test_an_epoch_s_private_key_is_there_first_and_goes_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever the sweeper dies in between, what seals can be opened, and what was deleted can't."""
    steps: list[str] = []
    for name in ("write_once", "delete"):
        really = getattr(keyring, name)

        def noted(path: Path, *content: bytes, really: Callable[..., object] = really) -> object:
            steps.append(f"{path.parent.name}/{path.name}")
            return really(path, *content)

        monkeypatch.setattr(keyring, name, noted)
    keyring.create_missing()
    assert [step for step in steps if not step.endswith(".done")] == [
        "web/data.key",
        "worker/layers.key",
        "web/manifests.pub",
        "web/sign-ins.pub",
        "worker/seal-1.key",
        "web/seal-1.pub",
    ]
    steps.clear()
    assert keyring.delete_epoch(1)
    assert not keyring.delete_epoch(1)
    assert steps == ["worker/seal-1.key", "web/seal-1.pub"] * 2


def test_an_epoch_that_is_deleted_while_epochs_are_listed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring.create_missing()
    keyring.create_epoch()
    really = os.listdir

    def listdir(place: Path) -> list[str]:
        names = sorted(really(place))
        keyring.delete_epoch(1)
        return names

    monkeypatch.setattr(os, "listdir", listdir)
    assert list(keyring.sealing_epochs()) == [2]


def test_the_epoch_after_a_given_one_is_made_once(folder: Path) -> None:
    keyring.create_missing()
    assert (keyring.create_epoch(after=1), keyring.create_epoch(after=1)) == (2, 2)
    before = contents(folder)
    assert keyring.create_epoch(after=1) == 2
    assert contents(folder) == before
    assert sorted(keyring.opening_epochs()) == [1, 2]


def test_no_two_machines_have_the_same_keys(folder: Path, settings: Settings, tmp_path: Path) -> None:
    keyring.create_missing()
    settings.PORTAL_KEY_DIR = tmp_path / "others"
    keyring.create_missing()
    ours, others = contents(folder), contents(tmp_path / "others")
    lengths = [len(ours[name]) for name in sorted(ours) if not name.endswith(".done")]
    assert lengths == [32, 32, 1184 + 32, 1184 + 32, 32, 64 + 32]
    assert not ({*ours.values()} & {*others.values()}) - {b""}
