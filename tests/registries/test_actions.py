"""A credential from its entry to its receipt."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from groups.actions.checks import start_check
from groups.models import Failure
from portal.audit.verification import verify
from portal.models import Activity, ActivityText, Organization, Project, User
from registries import actions
from registries.credential_rows import NewCredential, empty_credential, extend_for_pull, note_use, note_used_host
from registries.failures import CredentialMalformed
from registries.foundation.actor import CONSOLE, PORTAL
from registries.models import ERASED_NAME, Credential
from registries.oci.reference import parse
from registries.secrets import ended, keyring
from tests.support.activity import recorded
from tests.support.actors import acting
from tests.support.pulls import SECRET, USER, make_credential, make_group
from tests.support.row_locks import RowLock, row_lock_queries
from tests.support.seals import unsealed

HOST = "registry.example.com"
Reason = Credential.DestructionReason


@pytest.fixture
def credential(acme: Organization) -> Credential:
    """One that is held for its pull."""
    return make_credential(acme, HOST)


@pytest.fixture(autouse=True)
def _others_stay_as_they_are(mallory: User) -> Iterator[None]:
    """Beside it is one of a stranger's, which no action on another may touch."""
    stranger = make_credential(Organization.objects.get(slug="umbrella"), HOST)
    rows = Credential.objects.filter(pk=stranger.pk)
    [before] = rows.values()
    yield
    assert list(rows.values()) == [before]


def seconds_left(credential: Credential) -> float:
    """Until its deadline, by the database's clock."""
    [(left,)] = Credential.objects.filter(pk=credential.pk).values_list(F("deadline") - Now())
    return float(left.total_seconds())


def test_only_the_secret_is_sealed(credential: Credential) -> None:
    assert credential.fields == {"username": USER}
    assert SECRET.encode() not in bytes(credential.sealed or b"")
    assert credential.epoch is not None
    assert unsealed(credential) == {"password": SECRET}


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


def test_a_use_is_noted_with_its_hosts(credential: Credential) -> None:
    for host in (HOST, "auth.example.com"):
        note_use(credential.pk)
        note_used_host(credential.pk, host)
        note_used_host(credential.pk, HOST)

    credential.refresh_from_db()
    assert (credential.used_count, credential.used_hosts) == (2, [HOST, "auth.example.com"])
    assert credential.last_used_at is not None


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


@pytest.mark.parametrize("off", [timedelta(0), timedelta(hours=1), timedelta(hours=-1)], ids=["right", "fast", "slow"])
@pytest.mark.parametrize(("hold", "extended"), [("pull", 1800 + 3600), ("hour", 3600)])
def test_a_credential_is_kept_for_an_hour_or_for_the_longest_pull(
    acme: Organization, settings: Settings, hold: str, extended: int, off: timedelta
) -> None:
    """By the database's clock, which says when its time is over, whatever the clock of this machine is."""
    settings.PORTAL_PULL_RETRY_SECONDS = 1800
    with time_machine.travel(timezone.now() + off):
        credential = make_credential(acme, HOST, hold=hold)
        assert seconds_left(credential) == pytest.approx(3600, abs=5)
        extend_for_pull(credential.pk)
        assert seconds_left(credential) == pytest.approx(extended, abs=5)
        assert actions.destroy_overdue(by=PORTAL) == 0


def test_a_pull_extends_what_is_held_for_it_and_never_shortens_it(credential: Credential, acme: Organization) -> None:
    other = make_credential(acme, HOST)
    Credential.objects.filter(pk=credential.pk).update(deadline=Now() + timedelta(days=9))

    extend_for_pull(credential.pk)

    assert seconds_left(credential) == pytest.approx(9 * 86400, abs=5)
    assert seconds_left(other) == pytest.approx(3600, abs=5)


@pytest.mark.parametrize("hold", ["pull", "hour"])
def test_no_number_of_pulls_extends_it_beyond_what_is_sealed(acme: Organization, hold: str) -> None:
    credential = make_credential(acme, HOST, hold=hold)
    latest = credential.deadline + timedelta(minutes=10)
    Credential.objects.filter(pk=credential.pk).update(latest_deadline=latest)

    for _ in range(3):
        extend_for_pull(credential.pk)

    credential.refresh_from_db()
    assert credential.latest_deadline == latest
    assert credential.deadline == (latest if hold == "pull" else latest - timedelta(minutes=10))


def test_an_unlimited_credential_of_the_previous_version_is_not_extended(credential: Credential) -> None:
    Credential.objects.filter(pk=credential.pk).update(latest_deadline=None)
    extend_for_pull(credential.pk)
    assert seconds_left(credential) == pytest.approx(3600, abs=5)


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


def test_what_was_destroyed_is_not_brought_back(credential: Credential) -> None:
    empty_credential(credential.pk, reason="removed")

    extend_for_pull(credential.pk)

    assert seconds_left(credential) == pytest.approx(3600, abs=5)


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


def test_two_pulls_that_show_it_to_two_hosts_are_both_on_the_receipt(credential: Credential) -> None:
    """The list is read to be added to, so it is read with its row locked."""
    note_used_host(credential.pk, "auth.example.com")
    with row_lock_queries() as locks:
        note_used_host(credential.pk, HOST)
    assert locks == [RowLock("registries_credential", frozenset({credential.pk}), is_weak=True)]
    credential.refresh_from_db()
    assert credential.used_hosts == ["auth.example.com", HOST]


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


CANARY = "canary7f3a"


def everything() -> str:
    """Every value of every table."""
    with connection.cursor() as cursor:
        found = []
        for model in (model for model in apps.get_models() if model._meta.managed):
            cursor.execute(f"SELECT * FROM {model._meta.db_table}")
            found += cursor.fetchall()
    return str(found)


class TestEraseNames:
    @pytest.fixture
    def receipt(self, acme: Organization, alice: User, project: Project) -> Credential:
        """The receipt of a credential that was added, renamed, used for a group whose pull failed, for a check, and
        destroyed, with names in all of it."""
        by = acting(alice)
        typed = NewCredential(
            provider="self_hosted", name=f"{CANARY} a", host=HOST, values={"username": CANARY, "password": SECRET}
        )
        credential = actions.add_credential(typed, organization_id=acme.pk, by=by)
        actions.rename(credential, name=f"{CANARY} b", by=by)
        credential.refresh_from_db()
        group = make_group(project, f"{HOST}/team/app:1", credential=credential)
        Failure.objects.create(
            organization=acme, group=group, group_name=group.name, reference="x", registry=HOST, step="token",
            code="authentication_failed", params={"host": HOST},
        )  # fmt: skip
        start_check(organization_id=acme.pk, reference=parse(f"{HOST}/team/app:1"), credential=credential, by=by)
        actions.destroy(credential, reason=Credential.DestructionReason.OPERATOR, by=by)
        LogEntry.objects.log_actions(alice.pk, [credential], CHANGE, "Destroyed", single_object=True)
        credential.refresh_from_db()
        return credential

    def test_no_table_has_the_names_any_more(self, receipt: Credential, bob: User) -> None:
        assert everything().count(CANARY) > 5

        assert actions.erase_names(receipt, by=acting(bob))

        assert CANARY not in everything()
        receipt.refresh_from_db()
        assert (receipt.name, receipt.fields, receipt.host) == (ERASED_NAME, {}, HOST)

    def test_the_activity_still_verifies_and_says_what_was_done(
        self, receipt: Credential, bob: User, acme: Organization
    ) -> None:
        before = list(Activity.objects.filter(organization=acme).values_list("hash", flat=True).order_by("number"))

        actions.erase_names(receipt, by=acting(bob))

        rows = Activity.objects.filter(organization=acme).order_by("number")
        assert list(rows.values_list("hash", flat=True))[: len(before)] == before
        assert [row.action for row in rows][len(before) :] == ["activity.erased"] * 4 + ["credential.erased"]
        assert list(verify()) == []

    def test_it_happens_once_and_again_after_another_name(self, receipt: Credential, bob: User) -> None:
        assert actions.erase_names(receipt, by=acting(bob))
        assert not actions.erase_names(receipt, by=acting(bob))

        actions.rename(receipt, name=f"{CANARY} c", by=acting(bob))
        assert actions.erase_names(receipt, by=acting(bob))
        assert CANARY not in everything()

    def test_other_credentials_keep_theirs(self, receipt: Credential, acme: Organization, bob: User) -> None:
        typed = NewCredential(
            provider="self_hosted", name="builds", host=HOST, values={"username": "deploy", "password": SECRET}
        )
        other = actions.add_credential(typed, organization_id=acme.pk, by=acting(bob))

        actions.erase_names(receipt, by=acting(bob))

        other.refresh_from_db()
        assert (other.name, other.fields) == ("builds", {"username": "deploy"})
        assert ActivityText.objects.filter(target_name="builds").exists()

    def test_what_is_held_is_destroyed_first(self, credential: Credential, bob: User) -> None:
        with pytest.raises(actions.CredentialHeld):
            actions.erase_names(credential, by=acting(bob))
