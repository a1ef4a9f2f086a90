"""When a secret opens: only for what it was sealed for, whatever the database says, and only in its time.

Each column is changed as a thief would, alone.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings
from structlog.testing import capture_logs

from groups.actions.checks import start_check
from groups.ingest import opened_credential
from groups.ingest.opened_credential import OpenedCredential, open_credential
from groups.models import Image
from groups.sweep import sweep
from portal.models import Activity, Organization, Project
from registries.credential_rows import NewCredential, empty_credential, store_credential
from registries.failures import CredentialExpired, CredentialMalformed, CredentialTampered, PullFailed
from registries.foundation.actor import CONSOLE
from registries.foundation.ids import CredentialId
from registries.models import Credential
from registries.oci.login import Login
from registries.oci.reference import parse
from registries.providers.base import Connect
from registries.secrets import keyring
from registries.secrets.credential_binding import binding_of
from registries.secrets.credential_seal import seal
from tests.groups.ingest.conftest import HOST
from tests.support.pulls import SECRET, USER, make_credential, make_group
from tests.support.raw_sql import key_of, sql
from tests.support.seals import as_previous_version, sealed_in_format_1

REFERENCE = f"{HOST}/team/app:1.0"
THIEF = "thief.example.com"


@pytest.fixture
def image(project: Project, woken: object) -> Image:
    """An image that is pulled with a credential."""
    return make_group(project, REFERENCE, credential=make_credential(project.organization, HOST)).image


@pytest.fixture(autouse=True)
def logins(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts that a login was made for."""
    made: list[str] = []

    def login(self: Any, values: Mapping[str, str], host: str, connect: Connect | None = None) -> Login:
        made.append(host)
        return Login(values["username"], values["password"])

    monkeypatch.setattr("registries.providers.base.Provider.login", login)
    return made


def change(credential: Credential, column: str, value: Any) -> None:
    sql(f"UPDATE registries_credential SET {column} = %s WHERE id = %s", value, key_of(credential))


def refused(image: Any, how: type[PullFailed] = CredentialTampered) -> PullFailed:
    image.refresh_from_db()
    with pytest.raises(how) as raised:
        open_credential(image)
    assert not Credential.objects.exclude(used_count=0).exists()
    return raised.value


def credential_of(image: Any) -> Credential:
    assert image.credential_id is not None
    return Credential.objects.get(pk=image.credential_id)


def assert_destroyed(image: Image, *, changed: str) -> None:
    receipt = credential_of(image)
    assert (receipt.sealed, receipt.destroyed_because) == (None, "tampered")
    record = Activity.objects.select_related("text").get(action="credential.destroyed")
    assert changed in record.text.detail
    assert record.organization_id == image.organization_id


def test_it_is_opened_for_its_image_and_noted(image: Image, logins: list[str]) -> None:
    others = [make_credential(image.organization, HOST, password=password) for password in ("a", "b")]

    opened = open_credential(image)

    assert opened == OpenedCredential(Login(USER, SECRET), HOST, "self_hosted", "")
    assert logins == [HOST]
    receipt = Credential.objects.get(used_count=1)
    assert receipt.pk == image.credential_id
    assert receipt.last_used_at is not None
    assert list(Credential.objects.filter(used_count=0).order_by("received_at")) == others
    assert SECRET not in repr(opened)


def test_none_is_opened_for_an_image_without(image: Image) -> None:
    image.provider = ""
    assert open_credential(image) is None
    assert Credential.objects.get().used_count == 0


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("host", THIEF),
        ("host", HOST + ":5000"),
        ("provider", "ghcr"),
        ("repository", "other/app"),
        ("fields", json.dumps({"username": "thief"})),
        ("fields", json.dumps({"username": USER, "registry": THIEF})),
        ("fields", json.dumps({})),
        ("ca", "-----BEGIN CERTIFICATE-----"),
        ("hold", "hour"),
        ("sign_in_host", THIEF),
    ],
)
def test_a_changed_column_ends_the_credential(image: Image, logins: list[str], column: str, value: str) -> None:
    change(credential_of(image), column, value)

    with capture_logs() as logs:
        failure = refused(image)

    assert (failure.code, failure.raw) == ("credential_tampered", "credential")
    assert logins == []
    assert_destroyed(image, changed=column)
    assert [(line["event"], line["changed"]) for line in logs if line["log_level"] == "error"] == [
        ("credential_tampered", column)
    ]
    assert SECRET not in json.dumps(logs, default=str)


def test_a_host_that_was_changed_in_both_rows(image: Image, logins: list[str]) -> None:
    """The thief also has the pull name his host."""
    change(credential_of(image), "host", THIEF)
    sql("UPDATE groups_image SET registry = %s WHERE id = %s", THIEF, key_of(image))

    refused(image)

    assert logins == []
    assert_destroyed(image, changed="host")


def test_another_organization(image: Image, logins: list[str], mallory: Any) -> None:
    """It is recorded where the credential belongs by its seal."""
    change(credential_of(image), "organization_id", Organization.objects.get(slug="umbrella").pk)

    refused(image)

    assert logins == []
    assert_destroyed(image, changed="organization_id")


@pytest.mark.parametrize("column", ["deadline", "latest_deadline"])
def test_a_deadline_that_was_prolonged(image: Image, logins: list[str], column: str) -> None:
    change(credential_of(image), column, timezone.now() + timedelta(days=3))

    refused(image)

    assert logins == []
    assert_destroyed(image, changed=column)


def test_a_prolonged_deadline_is_found_by_the_seal_alone(image: Image, logins: list[str]) -> None:
    credential = credential_of(image)
    with time_machine.travel(timezone.now() + timedelta(hours=4)):
        for column in ("deadline", "latest_deadline"):
            change(credential, column, timezone.now() + timedelta(days=3))
        refused(image)
    assert logins == []


def test_values_swapped_between_two_rows(image: Image, logins: list[str], project: Project) -> None:
    mine = make_credential(project.organization, THIEF, password="bait")
    own = make_group(project, f"{THIEF}/team/app:1.0", credential=mine, name="own").image
    sealed = bytes(credential_of(image).sealed or b"")
    change(mine, "sealed", sealed)

    refused(own)

    assert logins == []
    assert credential_of(own).destroyed_because == "tampered"
    assert credential_of(image).is_held, "the other row is as it was sealed"


@pytest.mark.parametrize("sealed", [b"", b"x", b"x" * 2000])
def test_damaged_bytes(image: Image, logins: list[str], sealed: bytes) -> None:
    change(credential_of(image), "sealed", sealed)

    refused(image)

    assert_destroyed(image, changed="the sealed value")


def test_another_id(image: Image, logins: list[str]) -> None:
    """The whole row under another id, as after a copy of it."""
    row = credential_of(image)
    row.pk = CredentialId(uuid.uuid4())
    row.save(force_insert=True)
    sql("UPDATE groups_image SET credential_id = %s WHERE id = %s", key_of(row), key_of(image))

    refused(image)

    assert logins == []


def test_another_epoch(image: Image, logins: list[str], settings: Settings, tmp_path: Path) -> None:
    settings.PORTAL_KEY_DIR = tmp_path
    keyring.create_missing()
    keyring.create_epoch()
    credential = credential_of(image)
    epoch, sealed = seal({"password": SECRET}, binding_of(credential))
    change(credential, "sealed", sealed)
    change(credential, "epoch", epoch - 1)

    refused(image)
    assert_destroyed(image, changed="the sealed value")


def test_a_key_that_is_gone_is_no_tampering(image: Image, logins: list[str]) -> None:
    change(credential_of(image), "epoch", 999)
    assert refused(image, CredentialExpired).raw == "seal"
    assert credential_of(image).is_held


def test_what_was_destroyed_does_not_open_again(
    image: Image, logins: list[str], tmp_path: Path, settings: Settings
) -> None:
    """The thief puts the row of a backup back, once the sweeper has noted that it was destroyed."""
    settings.PORTAL_KEY_DIR = shutil.copytree(settings.PORTAL_KEY_DIR, tmp_path / "keys")
    credential = credential_of(image)
    empty_credential(credential.pk, reason="removed")
    assert sweep(thorough=False)["credentials_noted"] == 1
    assert sweep(thorough=False)["credentials_noted"] == 0
    Credential.objects.filter(pk=credential.pk).update(
        sealed=credential.sealed, epoch=credential.epoch, destroyed_at=None, destroyed_because=""
    )

    refused(image)

    assert logins == []
    assert_destroyed(image, changed="it had been destroyed before")


@pytest.mark.parametrize(
    ("column", "value"),
    [("registry", THIEF), ("repository", "other/app"), ("provider", "ghcr")],
)
def test_a_pull_that_was_pointed_elsewhere(image: Image, logins: list[str], column: str, value: str) -> None:
    typed = NewCredential(
        provider="self_hosted",
        name="typed",
        host=HOST,
        values={"username": USER, "password": SECRET},
        repository="team/app",
    )
    row = store_credential(typed, organization_id=image.organization_id, created_by_id=None)
    sql("UPDATE groups_image SET credential_id = %s WHERE id = %s", key_of(row), key_of(image))
    sql(f"UPDATE groups_image SET {column} = %s WHERE id = %s", value, key_of(image))

    with capture_logs() as logs:
        assert refused(image).raw == "image"

    assert logins == []
    assert "credential_refused_for_image" in [line["event"] for line in logs]


def test_a_pull_of_another_organization(image: Image, logins: list[str], mallory: Any) -> None:
    umbrella = Organization.objects.get(slug="umbrella")
    sql("UPDATE groups_image SET organization_id = %s WHERE id = %s", umbrella.pk, key_of(image))

    assert refused(image).raw == "image"
    assert logins == []


def test_a_pull_that_names_a_credential_of_another_host(image: Image, logins: list[str], project: Project) -> None:
    elsewhere = make_group(project, f"{THIEF}/app:1.0", name="own").image
    sql("UPDATE groups_image SET credential_id = %s WHERE id = %s", key_of(credential_of(image)), key_of(elsewhere))
    sql("UPDATE groups_image SET provider = %s WHERE id = %s", "self_hosted", key_of(elsewhere))

    assert refused(elsewhere).raw == "image"
    assert logins == []


def test_a_check_is_held_to_the_same(image: Image, logins: list[str]) -> None:
    check = start_check(
        organization_id=image.organization_id, reference=parse(REFERENCE), credential=image.credential, by=CONSOLE
    )
    sql("UPDATE groups_imagecheck SET registry = %s WHERE id = %s", THIEF, key_of(check))

    assert refused(check).raw == "image"
    assert logins == []


class TestTime:
    def test_not_once_its_deadline_is_over(self, image: Image) -> None:
        Credential.objects.update(deadline=timezone.now() - timedelta(seconds=1))
        refused(image, CredentialExpired)
        Credential.objects.update(deadline=timezone.now() + timedelta(seconds=5))
        assert open_credential(image) is not None

    def test_not_once_the_latest_deadline_is_over_by_the_databases_clock(
        self, image: Image, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        latest = credential_of(image).latest_deadline
        assert latest is not None
        monkeypatch.setattr(opened_credential, "database_now", lambda: latest)
        refused(image, CredentialExpired)

    def test_the_workers_own_clock_ends_what_a_database_that_was_set_back_does_not(
        self, image: Image, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = credential_of(image)
        assert row.latest_deadline is not None
        monkeypatch.setattr(opened_credential, "database_now", lambda: row.received_at)
        with time_machine.travel(row.latest_deadline + timedelta(hours=1, seconds=1)):
            assert refused(image, CredentialExpired).raw == "clock"
        with time_machine.travel(row.latest_deadline + timedelta(minutes=59)):
            assert open_credential(image) is not None


def test_not_once_it_is_destroyed(image: Image) -> None:
    empty_credential(credential_of(image).pk, reason="removed")
    refused(image, CredentialExpired)


def test_not_if_its_row_is_gone(image: Image) -> None:
    Credential.objects.all().delete()
    refused(image, CredentialExpired)


def test_not_if_it_can_not_work_for_this_kind(image: Image) -> None:
    credential = credential_of(image)
    row = Credential(
        pk=credential.pk, organization_id=credential.organization_id, provider="self_hosted", host=HOST,
        fields={"username": ""}, hold="pull", deadline=credential.deadline, latest_deadline=credential.latest_deadline,
    )  # fmt: skip
    _, sealed = seal({"password": SECRET}, binding_of(row))
    Credential.objects.filter(pk=row.pk).update(fields=row.fields, sealed=sealed)
    refused(image, CredentialMalformed)


class TestThePreviousFormat:
    def test_it_is_opened_for_nothing(self, image: Image, logins: list[str]) -> None:
        """Neither one that was left, nor one that a thief puts in the place of a new one."""
        as_previous_version(credential_of(image))

        refused(image)

        assert logins == []
        assert_destroyed(image, changed="the sealed value")

    def test_a_new_row_can_not_be_brought_down_to_it(self, image: Image, logins: list[str]) -> None:
        credential = credential_of(image)
        epoch, sealed = sealed_in_format_1(
            {"password": "bait"}, organization_id=credential.organization_id, credential_id=credential.pk
        )
        change(credential, "sealed", sealed)
        change(credential, "epoch", epoch)
        change(credential, "host", THIEF)

        refused(image)
        assert logins == []
