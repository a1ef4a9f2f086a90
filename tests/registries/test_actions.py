"""A credential from its entry to its receipt."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from registries import actions
from registries.failures import CredentialMalformed
from registries.models import Credential
from registries.seal import unseal
from tests.groups.pulls import SECRET, USER, make_credential

HOST = "registry.example.com"


@pytest.fixture
def credential(acme: Any) -> Credential:
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
def test_what_can_not_work_is_not_stored(acme: Any, values: dict[str, str]) -> None:
    with pytest.raises(CredentialMalformed) as caught:
        make_credential(acme, HOST, **values)

    assert not Credential.objects.exists()
    assert SECRET not in str(caught.value.params)


def test_a_use_is_noted_with_its_hosts(credential: Credential) -> None:
    for host in (HOST, "auth.example.com"):
        actions.note_use(credential.pk)
        actions.note_shown(credential.pk, host)
        actions.note_shown(credential.pk, HOST)

    credential.refresh_from_db()
    assert (credential.used_count, credential.used_hosts) == (2, [HOST, "auth.example.com"])
    assert credential.last_used_at is not None


def test_destroying_keeps_the_receipt_and_happens_once(credential: Credential) -> None:
    actions.note_use(credential.pk)

    assert actions.destroy(credential.pk, because="removed")
    assert not actions.destroy(credential.pk, because="settled")

    credential.refresh_from_db()
    assert (credential.sealed, credential.epoch, credential.destroyed_because) == (None, None, "removed")
    assert (credential.host, credential.used_count) == (HOST, 1)
    assert not credential.is_live


def test_what_is_overdue_is_destroyed_and_nothing_else(credential: Credential, acme: Any) -> None:
    other = make_credential(acme, HOST)
    Credential.objects.filter(pk=credential.pk).update(deadline=timezone.now() - timedelta(seconds=1))

    assert actions.destroy_overdue() == 1
    assert actions.destroy_overdue() == 0

    credential.refresh_from_db()
    other.refresh_from_db()
    assert (credential.is_live, other.is_live) == (False, True)
    assert credential.destroyed_because == "deadline"


def test_a_pull_extends_what_is_held_for_it(credential: Credential) -> None:
    until = timezone.now() + timedelta(hours=5)

    actions.extend_for_pull(credential.pk, until=until)
    credential.refresh_from_db()
    assert credential.deadline == until

    actions.extend_for_pull(credential.pk, until=until - timedelta(hours=1))
    credential.refresh_from_db()
    assert credential.deadline == until


def test_an_hour_stays_an_hour(acme: Any) -> None:
    credential = make_credential(acme, HOST, hold="hour")
    deadline = credential.deadline

    actions.extend_for_pull(credential.pk, until=timezone.now() + timedelta(hours=5))

    credential.refresh_from_db()
    assert credential.deadline == deadline


def test_what_was_destroyed_is_not_brought_back(credential: Credential) -> None:
    actions.destroy(credential.pk, because="removed")
    deadline = Credential.objects.get().deadline

    actions.extend_for_pull(credential.pk, until=timezone.now() + timedelta(hours=5))

    assert Credential.objects.get().deadline == deadline
