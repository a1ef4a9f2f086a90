"""A credential from its entry to its receipt."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from portal.models import Activity, Organization, User
from registries import actions
from registries.credential_rows import NewCredential, empty_credential, extend_for_pull, note_use
from registries.failures import CredentialMalformed
from registries.foundation.actor import CONSOLE, PORTAL
from registries.models import Credential
from registries.secrets import ended, keyring
from tests.registries.conftest import HOST
from tests.support.activity import recorded
from tests.support.actors import acting
from tests.support.pulls import SECRET, USER, make_credential

pytestmark = pytest.mark.usefixtures("others_stay_as_they_are")
Reason = Credential.DestructionReason


@pytest.mark.parametrize(
    "values",
    [
        {"username": "a:b"},
        {"username": ""},
        {"password": ""},
        {"password": "line\nbreak"},
        {"username": "nul\x00"},
    ],
)
def test_what_can_not_work_is_not_stored(acme: Organization, values: dict[str, str]) -> None:
    with pytest.raises(CredentialMalformed) as caught:
        make_credential(acme, HOST, username=values.get("username", USER), password=values.get("password", SECRET))

    assert not acme.credentials.exists()
    assert SECRET not in str(caught.value.params)


def test_destroying_keeps_the_receipt_and_happens_once(credential: Credential, alice: User) -> None:
    note_use(credential.pk)

    assert actions.destroy(credential, reason=Reason.REMOVED, by=acting(alice))
    assert not actions.destroy(credential, reason=Reason.SETTLED, by=PORTAL)

    credential.refresh_from_db()
    assert (credential.sealed, credential.epoch, credential.destroyed_because) == (None, None, "removed")
    assert (credential.host, credential.used_count) == (HOST, 1)
    assert not credential.is_live
    assert recorded() == [(alice.email, "credential.destroyed", "registry", HOST)]


@pytest.mark.parametrize("hold", ["pull", "hour"])
@pytest.mark.parametrize("seconds", [-1, 2])
def test_what_is_overdue_is_destroyed_and_nothing_else(acme: Organization, hold: str, seconds: int) -> None:
    """Two of an organization, a moment after their deadline and a moment before it."""
    credentials = [make_credential(acme, HOST, hold=hold) for _ in range(2)]
    is_over = seconds < 0
    acme.credentials.update(deadline=Now() + timedelta(seconds=seconds))
    rows = Credential.objects.filter(organization=acme)
    assert (rows.expired().count(), rows.live().count(), rows.held().count()) == ((2, 0, 2) if is_over else (0, 2, 2))

    assert actions.destroy_overdue(by=PORTAL) == (2 if is_over else 0)
    assert actions.destroy_overdue(by=PORTAL) == 0

    for credential in credentials:
        credential.refresh_from_db()
        assert credential.is_live != is_over
        assert (credential.sealed is None, credential.epoch is None) == (is_over, is_over)
        assert credential.destroyed_because == ("deadline" if is_over else "")
    assert recorded() == ([("Drayage", "credential.destroyed", "registry", f"{HOST}, its time was over")] * 2) * is_over


def test_over_a_minute_after_the_deadline_it_is_overdue(acme: Organization) -> None:
    for seconds in (58, 61, 3600):
        credential = make_credential(acme, HOST)
        Credential.objects.filter(pk=credential.pk).update(deadline=Now() - timedelta(seconds=seconds))

    assert (acme.credentials.overdue().count(), Credential.objects.expired().count()) == (2, 3)
    actions.destroy_overdue(by=PORTAL)
    assert Credential.objects.overdue().count() == 0


def test_what_nobody_can_open_is_destroyed(credential: Credential, acme: Organization) -> None:
    """Its key was deleted, though its row says that it is held for days."""
    newer = make_credential(acme, HOST)
    Credential.objects.filter(pk=newer.pk).update(epoch=F("epoch") + 1)
    rows = Credential.objects.filter(pk__in=[credential.pk, newer.pk])
    rows.update(deadline=Now() + timedelta(days=9))
    assert actions.destroy_unopenable(by=PORTAL) == 0
    Credential.objects.filter(pk=credential.pk).update(epoch=0)

    assert actions.destroy_unopenable(by=PORTAL) == 1

    credential.refresh_from_db()
    newer.refresh_from_db()
    assert (credential.destroyed_because, newer.destroyed_because) == ("deadline", "")
    assert len(recorded(action="credential.destroyed")) == 1


def test_without_keys_nothing_is_taken_for_unopenable(
    credential: Credential, settings: Settings, tmp_path: Path
) -> None:
    settings.PORTAL_KEY_DIR = tmp_path
    assert actions.destroy_unopenable(by=PORTAL) == 0


def test_what_was_destroyed_is_noted_in_the_worker_zone_alone(
    credential: Credential, settings: Settings, tmp_path: Path
) -> None:
    settings.PORTAL_KEY_DIR = tmp_path
    keyring.create_missing()
    assert actions.note_destroyed() == 0
    empty_credential(credential.pk, reason="removed")
    settings.PORTAL_ZONE = "web"
    assert actions.note_destroyed() == 0
    settings.PORTAL_ZONE = "worker"
    assert actions.note_destroyed() == 1
    assert ended.has_ended(ended.Kind.CREDENTIAL, str(credential.pk))


def test_a_folder_that_can_not_be_written_stops_no_sweep(
    credential: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> int:
        raise OSError

    monkeypatch.setattr(ended, "note", full)
    assert actions.note_destroyed() == 0


def test_adding_records_who_and_where_and_nothing_of_the_secret(acme: Organization, alice: User) -> None:
    typed = NewCredential(
        provider="self_hosted", name="builds", host=HOST, values={"username": USER, "password": SECRET}
    )

    credential = actions.add_credential(typed, organization_id=acme.pk, by=acting(alice))

    assert (credential.created_by, credential.hold) == (alice, "pull")
    row = Activity.objects.select_related("text").get()
    assert (row.action, row.target_kind, row.target_key) == ("credential.added", "credential", str(credential.pk))
    assert (row.text.actor_name, row.text.target_name, row.text.detail) == (alice.email, "builds", HOST)
    assert SECRET not in str([vars(row), vars(row.text), typed])


def test_a_program_adds_in_nobodys_name(acme: Organization) -> None:
    typed = NewCredential(provider="self_hosted", name="ci", host=HOST, values={"username": USER, "password": SECRET})

    assert actions.add_credential(typed, organization_id=acme.pk, by=CONSOLE).created_by is None


def test_another_name_is_recorded_once(credential: Credential, alice: User) -> None:
    assert actions.rename(credential, name="builds", by=acting(alice))
    assert not actions.rename(credential, name="builds", by=acting(alice))

    assert recorded() == [(alice.email, "credential.changed", "registry", "registry → builds")]
    text = Activity.objects.get().text
    assert (text.before, text.after) == ({"name": "registry"}, {"name": "builds"})


def test_another_host_destroys_the_secret_in_one_action(credential: Credential, alice: User) -> None:
    assert actions.replace_host(credential, name="builds", host="other.example.com", by=acting(alice))

    credential.refresh_from_db()
    assert (credential.name, credential.host, credential.destroyed_because) == ("builds", HOST, "replaced")
    assert recorded() == [(alice.email, "credential.destroyed", "registry", "for one at other.example.com")]
    assert Activity.objects.get().text.after == {"name": "builds"}


def test_another_host_for_what_is_gone_only_renames(credential: Credential, alice: User) -> None:
    empty_credential(credential.pk, reason=Reason.SETTLED)

    assert not actions.replace_host(credential, name="builds", host="other.example.com", by=acting(alice))
    assert not actions.replace_host(credential, name="builds", host="other.example.com", by=acting(alice))

    assert recorded() == [(alice.email, "credential.changed", "registry", "registry → builds")]


def test_what_was_extended_since_is_not_overdue(acme: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pull extends the second one while the first one is destroyed."""
    first, second = (make_credential(acme, HOST) for _ in range(2))
    for credential, seconds in ((first, 20), (second, 10)):
        Credential.objects.filter(pk=credential.pk).update(deadline=Now() - timedelta(seconds=seconds))
    monkeypatch.setattr(actions, "record_destroyed", lambda *arguments, **values: extend_for_pull(second.pk))

    assert actions.destroy_overdue(by=PORTAL) == 1

    assert list(acme.credentials.live()) == [second]


@pytest.mark.parametrize("column", ["received_at", "deadline", "latest_deadline"])
def test_a_time_that_cannot_be_read_keeps_nothing_alive(column: str, acme: Organization) -> None:
    """A writer of the database put it there."""
    for _ in range(2):
        make_credential(acme, HOST)
    acme.credentials.update(deadline=timezone.now() - timedelta(seconds=1))
    first = acme.credentials.values_list("pk", flat=True)[0]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE registries_credential SET {column} = %s WHERE id = %s",
            [
                "-infinity" if column == "deadline" else "infinity",
                first.hex if connection.vendor == "sqlite" else first,
            ],
        )
    assert actions.destroy_overdue(by=PORTAL) == 2
    assert not Credential.objects.held().filter(organization=acme).exists()


def test_each_that_is_overdue_has_a_transaction_of_its_own(acme: Organization) -> None:
    """The activities of two organizations are never locked at once."""
    for _ in range(3):
        make_credential(acme, HOST)
    acme.credentials.update(deadline=Now())
    with CaptureQueriesContext(connection) as queries:
        actions.destroy_overdue(by=PORTAL)
    begun = [query["sql"] for query in queries if query["sql"].startswith("SAVEPOINT")]
    released = [query["sql"].removeprefix("RELEASE ") for query in queries if query["sql"].startswith("RELEASE")]
    assert begun == released
    assert len(begun) == 3


def test_the_database_keeps_no_secret_of_what_is_destroyed(credential: Credential) -> None:
    for change in ({"destroyed_at": Now()}, {"sealed": None}, {"epoch": None}, {"sealed": None, "epoch": None}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Credential.objects.filter(pk=credential.pk).update(**change)


def test_no_way_stores_a_token_where_it_is_shown(acme: Organization) -> None:
    token = "dckr_pat_" + "CANARY7f3aCANARY7f3aCANARY7f"
    typed = NewCredential(
        provider="self_hosted", name="builds", host=HOST, values={"username": token, "password": SECRET}
    )

    with pytest.raises(CredentialMalformed) as refused:
        actions.add_credential(typed, organization_id=acme.pk, by=CONSOLE)

    assert refused.value.params["field"] == "username"
    assert token not in str(refused.value.params)
    assert not Credential.objects.filter(name="builds").exists()
