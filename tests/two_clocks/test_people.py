"""Invitations, API keys and support by the database's clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from groups.models import Failure
from portal.models import ApiKey, Invitation, SupportLook, SupportRequest
from portal.organizations import api_keys, invitations
from portal.organizations.errors import TeamRefused
from portal.support import conversations
from portal.support.desk import actions as desk
from portal.support.desk.filters import Filters, filtered
from registries.foundation.actor import CONSOLE
from registries.foundation.clock import database_now
from tests.support.actors import acting
from tests.support.conversations import failure_of
from tests.support.sealed_rows import seal_again
from tests.two_clocks.times import ago, in_about

MINUTE = timedelta(minutes=1)


def test_an_invitation_is_open_for_seven_days(acme: Any, alice: Any, as_user: Any) -> None:
    row, token = invitations.invite(acme, email="nina@acme.example", role="member", by=acting(alice))
    assert in_about(row.created_at)
    assert in_about(row.expires_at, days=7)

    page, members = f"/invitations/{token}/", "/o/acme/settings/members/"
    for left, status in ((MINUTE, 200), (-MINUTE, 410)):
        Invitation.objects.update(expires_at=database_now() + left)
        seal_again()
        assert Client().get(page, follow=True).status_code == status
        assert ("Withdraw the invitation" in as_user(alice).get(members).text) is (status == 200)
    assert not invitations.withdraw(row, by=acting(alice))


def test_invitations_a_day(acme: Any, alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "MAX_INVITATIONS_A_DAY", 1)
    invitations.invite(acme, email="nina@acme.example", role="member", by=acting(alice))
    Invitation.objects.update(created_at=ago(hours=24, seconds=-60))
    with pytest.raises(TeamRefused):
        invitations.invite(acme, email="otto@acme.example", role="member", by=acting(alice))
    Invitation.objects.update(created_at=ago(hours=24, seconds=60))
    invitations.invite(acme, email="otto@acme.example", role="member", by=acting(alice))


def test_an_api_key_expires(acme: Any, alice: Any, as_user: Any) -> None:
    browser, page = as_user(alice), "/o/acme/settings/api-keys/"
    assert browser.post(f"{page}create/", {"name": "ci", "scope": "read", "days": "30"}).status_code == 200
    assert in_about(ApiKey.objects.get().expires_at, days=30)

    _, key = api_keys.create_key(organization_id=acme.pk, name="m", scope="read", by=CONSOLE)
    ApiKey.objects.exclude(name="m").delete()
    for left, lives in ((MINUTE, True), (-MINUTE, False)):
        ApiKey.objects.update(expires_at=database_now() + left)
        seal_again()
        assert (api_keys.find_live_key(key) is not None) is lives
        assert ("Rotate m" in browser.get(page).text) is lives


def test_the_use_of_a_key_is_recorded_once_a_minute(acme: Any) -> None:
    row, key = api_keys.create_key(organization_id=acme.pk, name="m", scope="read", by=CONSOLE)
    for age, is_new in ((55, False), (65, True)):
        before = ago(seconds=age)
        ApiKey.objects.update(last_used_at=before)
        assert api_keys.find_live_key(key) == row
        used = ApiKey.objects.get().last_used_at
        assert used is not None
        assert (used > before) is is_new


def test_the_same_question_within_ten_minutes(acme: Any, bob: Any) -> None:
    asked = conversations.ask(acme, by=acting(bob), kind="other", message="Why?")
    assert in_about(asked.created_at)
    assert in_about(asked.asked_at)
    SupportRequest.objects.update(created_at=ago(minutes=9))
    with pytest.raises(conversations.AskedAlready):
        conversations.ask(acme, by=acting(bob), kind="other", message="Why?")
    SupportRequest.objects.update(created_at=ago(minutes=11))
    conversations.ask(acme, by=acting(bob), kind="other", message="Why?")


def test_what_support_views_and_finds(acme: Any, sam: Any) -> None:
    failure = failure_of(acme)
    desk.log_view(failure, by=acting(sam), saw_all=False)
    view = SupportLook.objects.get()
    assert in_about(view.last_at)
    assert view.day == database_now().date()
    for age, is_new in ((55, False), (65, True)):
        before = ago(seconds=age)
        SupportLook.objects.update(last_at=before)
        desk.log_view(failure, by=acting(sam), saw_all=False)
        assert (SupportLook.objects.get().last_at > before) is is_new

    for span, found in ((timedelta(hours=24) - MINUTE, 1), (timedelta(hours=24) + MINUTE, 0)):
        Failure.objects.update(created_at=database_now() - span)
        assert filtered(sam, Filters(age="day"))[0].count() == found
