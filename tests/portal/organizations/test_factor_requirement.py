"""An organization that requires a second factor: who still gets in, and who is not disturbed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from groups.models import Occurrence
from portal.models import Notice, Organization, User
from portal.notifications import sending
from portal.organizations.api_keys import create_key
from portal.organizations.errors import NoLongerOwner
from portal.organizations.factor_requirement import OwnFactorMissing, require_factors, stop_requiring_factors
from registries.foundation.actor import CONSOLE
from tests.support.actors import acting
from tests.support.fresh_sign_ins import signed_in
from tests.support.page_messages import messages_of
from tests.support.second_factors import add_totp
from tests.support.sign_ins import actions_of

TEAM = "/o/acme/settings/members/"
CHANGE = f"{TEAM}second-factors/"


def starts(acme: Organization, **ago: int) -> None:
    Organization.objects.filter(pk=acme.pk).update(second_factor_required_from=timezone.now() - timedelta(**ago))


def test_after_the_grace_time_members_without_one_are_led_to_the_set_up_page(
    acme: Organization, bob: User, member: Client
) -> None:
    starts(acme, days=-1)
    assert member.get("/o/acme/").status_code == 200
    starts(acme, seconds=1)
    for address in ("/o/acme/", "/o/acme/default/groups/", TEAM):
        page = member.get(address)
        assert (page.status_code, "/accounts/2fa/" in page.text) == (403, True)
    assert member.get("/o/acme/default/groups/", headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    assert "Acme: two-factor authentication is required" in member.get("/accounts/2fa/").text
    add_totp(bob)
    assert signed_in(bob).get("/o/acme/").status_code == 200


def test_strangers_learn_nothing(acme: Organization, mallory: User) -> None:
    starts(acme, seconds=1)
    browser = signed_in(mallory)
    assert browser.get("/o/acme/").status_code == 404
    assert browser.get("/o/umbrella/").status_code == 200


def test_the_owner_needs_one_first(acme: Organization, alice: User, owner: Client) -> None:
    assert "first" in messages_of(owner.post(CHANGE, {"required": "yes", "days": "7"}))[-1]
    with pytest.raises(OwnFactorMissing):
        require_factors(acme, grace_days=7, by=acting(alice))
    acme.refresh_from_db()
    assert acme.second_factor_required_from is None


def test_the_team_page_lists_who_has_none(acme: Organization, alice: User, bob: User, carol: User) -> None:
    add_totp(alice)
    browser = signed_in(alice)
    assert browser.post(CHANGE, {"required": "yes", "days": "7"}).status_code == 302
    page = browser.get(TEAM)
    assert page.context["without_factor"] == [bob.email, carol.email]
    assert "Required from" in page.text
    browser.post(CHANGE)
    assert "Not required" in browser.get(TEAM).text
    assert actions_of(acme) == ["organization.second_factor_required", "organization.second_factor_optional"]


@pytest.mark.parametrize("days", ["", "-1", "31", "x", "²", "9" * 30])
def test_other_grace_times_are_refused(days: str, acme: Organization, alice: User) -> None:
    add_totp(alice)
    signed_in(alice).post(CHANGE, {"required": "yes", "days": days})
    acme.refresh_from_db()
    assert acme.second_factor_required_from is None


def test_members_do_not_decide(acme: Organization, bob: User) -> None:
    add_totp(bob)
    assert signed_in(bob).post(CHANGE, {"required": "yes", "days": "0"}).status_code == 403


def test_api_keys_still_work(acme: Organization, alice: User) -> None:
    key: Any = create_key(organization_id=acme.pk, name="ci", scope="read", by=acting(alice))[1]
    starts(acme, seconds=1)
    response = Client(headers={"Salad-Api-Key": key}).get("/api/public/organizations/acme/quotas")
    assert response.status_code == 200
    assert require_factors(acme, grace_days=0, by=CONSOLE) is None  # type: ignore[func-returns-value]


def test_all_members_get_an_email_when_it_is_switched_on_and_off(
    acme: Organization, alice: User, bob: User, carol: User, mallory: User, settings: Any
) -> None:
    settings.PORTAL_SENDS_MAIL = True
    subjects = []
    for change in (
        lambda: require_factors(acme, grace_days=7, by=CONSOLE),
        lambda: stop_requiring_factors(acme, by=CONSOLE),
        lambda: stop_requiring_factors(acme, by=CONSOLE),
    ):
        change()
        for occurrence in Occurrence.objects.filter(fanned_out_at__isnull=True):
            sending.fan_out(occurrence.pk)
        for notice in Notice.objects.filter(status=Notice.Status.WAITING):
            sending.deliver(notice.pk)
        assert sorted(to for sent in mail.outbox for to in sent.to) in (
            [],
            sorted(person.email for person in (alice, bob, carol)),
        )
        subjects += sorted({str(sent.subject) for sent in mail.outbox})
        for sent in mail.outbox:
            assert "Choose what you hear of" not in str(sent.body)
        mail.outbox.clear()
    assert subjects == [
        "[Drayage] Acme requires two-factor authentication",
        "[Drayage] Acme no longer requires two-factor authentication",
    ]


def test_who_is_no_owner_any_more_changes_nothing(acme: Organization, bob: User) -> None:
    add_totp(bob)
    starts(acme, days=-1)
    with pytest.raises(NoLongerOwner):
        require_factors(acme, grace_days=0, by=acting(bob))
    with pytest.raises(NoLongerOwner):
        stop_requiring_factors(acme, by=acting(bob))
    acme.refresh_from_db()
    assert acme.second_factor_required_from is not None
