"""A credential from its entry to its receipt."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.models import Activity, Organization, User
from registries import actions
from registries.credential_rows import NewCredential, empty_credential, extend_for_pull, note_use, note_used_host
from registries.failures import CredentialMalformed
from registries.foundation.actor import CONSOLE, PORTAL
from registries.models import Credential
from registries.secrets.credential_seal import unseal
from tests.support.activity import recorded
from tests.support.actors import acting
from tests.support.pulls import SECRET, USER, make_credential

HOST = "registry.example.com"
Reason = Credential.DestructionReason


@pytest.fixture
def credential(acme: Organization) -> Credential:
    """One that is held for its pull."""
    return make_credential(acme, HOST)


def test_only_the_secret_is_sealed(credential: Credential) -> None:
    assert credential.fields == {"username": USER}
    assert SECRET.encode() not in bytes(credential.sealed or b"")
    assert credential.epoch is not None
    opened = unseal(
        bytes(credential.sealed or b""),
        epoch=credential.epoch,
        organization_id=credential.organization_id,
        credential_id=credential.pk,
    )
    assert opened == {"password": SECRET}


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

    assert not Credential.objects.exists()
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


def test_what_is_overdue_is_destroyed_and_nothing_else(credential: Credential, acme: Organization) -> None:
    other = make_credential(acme, HOST)
    Credential.objects.filter(pk=credential.pk).update(deadline=timezone.now() - timedelta(seconds=1))

    assert actions.destroy_overdue(by=PORTAL) == 1
    assert actions.destroy_overdue(by=PORTAL) == 0

    credential.refresh_from_db()
    other.refresh_from_db()
    assert (credential.is_live, other.is_live) == (False, True)
    assert credential.destroyed_because == "deadline"
    assert recorded() == [("Drayage", "credential.destroyed", "registry", f"{HOST}, its time was over")]


def test_a_pull_extends_what_is_held_for_it(credential: Credential) -> None:
    until = timezone.now() + timedelta(hours=5)

    extend_for_pull(credential.pk, until=until)
    credential.refresh_from_db()
    assert credential.deadline == until

    extend_for_pull(credential.pk, until=until - timedelta(hours=1))
    credential.refresh_from_db()
    assert credential.deadline == until


def test_an_hour_stays_an_hour(acme: Organization) -> None:
    credential = make_credential(acme, HOST, hold="hour")
    deadline = credential.deadline

    extend_for_pull(credential.pk, until=timezone.now() + timedelta(hours=5))

    credential.refresh_from_db()
    assert credential.deadline == deadline


def test_what_was_destroyed_is_not_brought_back(credential: Credential) -> None:
    empty_credential(credential.pk, reason="removed")
    deadline = Credential.objects.get().deadline

    extend_for_pull(credential.pk, until=timezone.now() + timedelta(hours=5))

    assert Credential.objects.get().deadline == deadline


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


def test_what_was_extended_since_is_not_overdue(credential: Credential) -> None:
    Credential.objects.filter(pk=credential.pk).update(deadline=timezone.now() + timedelta(hours=1))

    assert actions.destroy_overdue(by=PORTAL) == 0

    assert not Activity.objects.exists()
