"""Refused sign-ins of an organization's members: the number that owners see, and the email about many."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db.models import F
from django.test import Client

from groups.models import Occurrence
from portal.audit import refused_by_organization, refused_sign_ins
from portal.audit.refused_by_organization import ALERT_FROM, recent_refusals
from portal.models import Notice, Organization, RefusedSignIn, User
from portal.notifications import sending
from registries.foundation.actor import CONSOLE

pytestmark = pytest.mark.django_db
TEAM = "/o/acme/settings/members/"
PASSWORD = RefusedSignIn.Reason.PASSWORD


def refuse(person: User, times: int = 1) -> None:
    for _ in range(times):
        refused_sign_ins.note(person.email, PASSWORD, by=CONSOLE)


def sweep() -> int:
    refused_sign_ins.sweep()
    return refused_by_organization.sweep()["owners_alerted"]


def mailed(settings: Any) -> list[tuple[str, str]]:
    """Do what the workers would."""
    settings.PORTAL_SENDS_MAIL = True
    for occurrence in Occurrence.objects.filter(fanned_out_at__isnull=True):
        sending.fan_out(occurrence.pk)
    for notice in Notice.objects.filter(status=Notice.Status.WAITING):
        sending.deliver(notice.pk)
    sent = sorted((to, str(message.subject)) for message in mail.outbox for to in message.to)
    mail.outbox.clear()
    return sent


def test_refusals_count_before_and_after_the_sweeper_appended_them(
    acme: Organization, alice: User, bob: User, mallory: User
) -> None:
    refuse(alice, 2)
    refuse(bob)
    refuse(mallory, 5)
    assert recent_refusals(acme.pk) == 3
    refused_sign_ins.sweep()
    refuse(alice)
    assert recent_refusals(acme.pk) == 4


def test_an_address_without_an_account_counts_for_nobody(acme: Organization) -> None:
    refused_sign_ins.note("nobody@acme.example", PASSWORD, by=CONSOLE)
    assert recent_refusals(acme.pk) == 0


def test_owners_see_the_number_and_members_do_not(acme: Organization, bob: User, owner: Client, member: Client) -> None:
    refuse(bob, 3)
    assert "3 failed sign-ins to members" in owner.get(TEAM).text
    assert "failed sign-in" not in member.get(TEAM).text


def test_nothing_is_shown_where_there_were_none(owner: Client) -> None:
    assert "ailed sign-in" not in owner.get(TEAM).text


def test_many_are_mailed_to_owners_once_a_day(acme: Organization, alice: User, bob: User, settings: Any) -> None:
    refuse(bob, ALERT_FROM - 1)
    assert sweep() == 0
    refuse(bob)
    assert [sweep(), sweep()] == [1, 0]
    assert mailed(settings) == [(alice.email, "[Drayage] Many failed sign-ins by members of Acme")]
    refuse(bob, ALERT_FROM)
    assert (sweep(), mailed(settings)) == (0, [])
    Occurrence.objects.update(created_at=F("created_at") - timedelta(days=1, seconds=1))
    assert sweep() == 1
    assert len(mailed(settings)) == 1


def test_other_organizations_hear_nothing(acme: Organization, mallory: User, settings: Any) -> None:
    refuse(mallory, ALERT_FROM)
    sweep()
    assert {to for to, _ in mailed(settings)} == {mallory.email}


def test_the_table_of_refusals_is_bounded(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused_sign_ins, "MAX_ROWS", 10)
    refuse(alice)
    refused_sign_ins.sweep()
    refuse(alice, 25)
    refused_sign_ins.sweep()
    assert RefusedSignIn.objects.filter(recorded_at__isnull=True).count() == 10
