"""What a previous version sealed is bound to its destination once, when this version is first run."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import Settings

from portal.models import Organization
from registries.credential_rows import empty_credential
from registries.models import Credential
from registries.secrets import keyring
from registries.secrets.credential_seal import SealBroken
from registries.secrets.resealing import STEP, reseal_previous_format
from tests.support.pulls import SECRET, USER, make_credential
from tests.support.seals import as_previous_version, unsealed

HOST = "registry.example.com"


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    """Keys of a previous version, which had no steps."""
    settings.PORTAL_KEY_DIR = shutil.copytree(settings.PORTAL_KEY_DIR, tmp_path / "keys")
    (tmp_path / "keys" / "worker" / f"{STEP}.done").unlink()
    return tmp_path / "keys"


def test_a_held_one_is_sealed_with_what_its_row_says(folder: Path, acme: Organization) -> None:
    rows = [make_credential(acme, HOST, hold=hold) for hold in ("pull", "hour")]
    for row in rows:
        as_previous_version(row)
        with pytest.raises(SealBroken):
            unsealed(row)

    assert reseal_previous_format() == 2

    for row, hours in zip(rows, (2.25, 1), strict=True):
        row.refresh_from_db()
        assert unsealed(row) == {"password": SECRET}
        assert row.fields == {"username": USER}
        assert row.latest_deadline is not None
        assert abs(row.latest_deadline - row.received_at - timedelta(hours=hours)) < timedelta(minutes=1)


def test_it_is_done_once(folder: Path, acme: Organization) -> None:
    """What is put into the database afterwards stays closed."""
    assert reseal_previous_format() == 0
    row = make_credential(acme, HOST)
    as_previous_version(row)

    assert reseal_previous_format() == 0

    with pytest.raises(SealBroken):
        unsealed(row)


def test_prepare_does_it(folder: Path, acme: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.management.commands.prepare.call_command", lambda *args, **kwargs: None)
    row = make_credential(acme, HOST)
    as_previous_version(row)

    call_command("prepare")

    row.refresh_from_db()
    assert unsealed(row) == {"password": SECRET}
    assert keyring.is_done(STEP)


def test_the_web_zone_can_not(folder: Path, settings: Settings) -> None:
    settings.PORTAL_ZONE = "web"
    with pytest.raises(keyring.KeyUnavailable):
        reseal_previous_format()


def test_new_keys_have_nothing_to_seal_again(settings: Settings, tmp_path: Path) -> None:
    settings.PORTAL_KEY_DIR = tmp_path
    keyring.create_missing()
    assert all(keyring.is_done(step) for step in keyring.UPGRADE_STEPS)


def test_keys_of_a_previous_version_have(folder: Path) -> None:
    keyring.create_missing()
    assert not keyring.is_done(STEP)


def test_what_can_not_be_opened_or_is_destroyed_stays(folder: Path, acme: Organization) -> None:
    damaged, destroyed, good = (make_credential(acme, HOST) for _ in range(3))
    for row in (damaged, destroyed, good):
        as_previous_version(row)
    Credential.objects.filter(pk=damaged.pk).update(sealed=b"x" * 2000)
    empty_credential(destroyed.pk, reason="settled")

    assert reseal_previous_format() == 1

    damaged.refresh_from_db()
    destroyed.refresh_from_db()
    assert (bytes(damaged.sealed or b""), damaged.latest_deadline) == (b"x" * 2000, None)
    assert (destroyed.sealed, destroyed.latest_deadline) == (None, None)
