"""What a credential stores, how long it is kept, and what is noted of its use."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import Settings

from portal.models import Organization
from registries import actions
from registries.credential_rows import empty_credential, extend_for_pull, note_use, note_used_host
from registries.foundation.actor import PORTAL
from registries.models import Credential
from tests.registries.conftest import HOST
from tests.support.pulls import SECRET, USER, make_credential
from tests.support.row_locks import RowLock, row_lock_queries
from tests.support.seals import unsealed

pytestmark = pytest.mark.usefixtures("others_stay_as_they_are")


def seconds_left(credential: Credential) -> float:
    """Until its deadline, by the database's clock."""
    [(left,)] = Credential.objects.filter(pk=credential.pk).values_list(F("deadline") - Now())
    return float(left.total_seconds())


def test_what_was_destroyed_is_not_brought_back(credential: Credential) -> None:
    empty_credential(credential.pk, reason="removed")

    extend_for_pull(credential.pk)

    assert seconds_left(credential) == pytest.approx(3600, abs=5)


def test_only_the_secret_is_sealed(credential: Credential) -> None:
    assert credential.fields == {"username": USER}
    assert SECRET.encode() not in bytes(credential.sealed or b"")
    assert credential.epoch is not None
    assert unsealed(credential) == {"password": SECRET}


def test_a_use_is_noted_with_its_hosts(credential: Credential) -> None:
    for host in (HOST, "auth.example.com"):
        note_use(credential.pk)
        note_used_host(credential.pk, host)
        note_used_host(credential.pk, HOST)

    credential.refresh_from_db()
    assert (credential.used_count, credential.used_hosts) == (2, [HOST, "auth.example.com"])
    assert credential.last_used_at is not None


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


def test_two_pulls_that_show_it_to_two_hosts_are_both_on_the_receipt(credential: Credential) -> None:
    """The list is read to be added to, so it is read with its row locked."""
    note_used_host(credential.pk, "auth.example.com")
    with row_lock_queries() as locks:
        note_used_host(credential.pk, HOST)
    assert locks == [RowLock("registries_credential", frozenset({credential.pk}), is_weak=True)]
    credential.refresh_from_db()
    assert credential.used_hosts == ["auth.example.com", HOST]
