"""How long somebody stays signed in."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from portal.accounts.session_limits import BEGAN_AT, NOTED_EVERY_SECONDS, SEEN_AT
from portal.models import Organization, User
from tests.conftest import PASSWORD
from tests.support.fresh_sign_ins import signed_in
from tests.support.sign_ins import LOGIN, sign_in

pytestmark = pytest.mark.django_db
HOME = "/o/acme/"
MINUTE, HOUR, DAY = 60, 3600, 24 * 3600


def aged(browser: Client, *, began: float = 0, seen: float = 0) -> Client:
    """As if the person had signed in and done something that many seconds ago."""
    session = browser.session
    session[BEGAN_AT], session[SEEN_AT] = time.time() - began, time.time() - seen
    session.save()
    return browser


def kept(person: User) -> Client:
    browser = Client()
    browser.post(LOGIN, {"login": person.email, "password": PASSWORD, "remember": "on"})
    return browser


@pytest.mark.parametrize(
    ("began", "seen", "stays"),
    [
        (0, 0, True),
        (12 * HOUR - MINUTE, 0, True),
        (12 * HOUR, 0, False),
        (HOUR, HOUR, True),
    ],
)
def test_a_members_limits(began: float, seen: float, stays: bool, alice: User, acme: Organization) -> None:
    browser = aged(sign_in(alice), began=began, seen=seen)
    assert browser.get(HOME).status_code == (200 if stays else 302)


@pytest.mark.parametrize(
    ("began", "seen", "stays"),
    [
        (7 * DAY - MINUTE, 0, True),
        (7 * DAY, 0, False),
        (3 * DAY, DAY - MINUTE, True),
        (3 * DAY, DAY, False),
    ],
)
def test_with_keep_me_signed_in(began: float, seen: float, stays: bool, alice: User, acme: Organization) -> None:
    browser = aged(kept(alice), began=began, seen=seen)
    assert browser.get(HOME).status_code == (200 if stays else 302)


@pytest.mark.parametrize(
    ("began", "seen", "stays"),
    [
        (12 * HOUR - MINUTE, 30 * MINUTE - 10, True),
        (12 * HOUR, 0, False),
        (HOUR, 30 * MINUTE, False),
    ],
)
@pytest.mark.parametrize("who", ["olga", "sam"])
def test_operators_and_support_have_shorter_ones(
    who: str, began: float, seen: float, stays: bool, request: pytest.FixtureRequest
) -> None:
    browser = signed_in(request.getfixturevalue(who))
    session = browser.session
    session.set_expiry(7 * DAY)  # as with "Keep me signed in"
    session.save()
    assert browser.get("/admin/desk/").status_code == 200
    aged(browser, began=began, seen=seen)
    assert browser.get("/admin/desk/").status_code == (200 if stays else 302)


def test_the_operator_of_the_portal_chooses_them(alice: User, acme: Organization, settings: Any) -> None:
    settings.PORTAL_SESSION_HOURS = 1
    assert aged(sign_in(alice), began=HOUR).get(HOME).status_code == 302


def test_a_session_that_is_over_is_deleted(alice: User, acme: Organization) -> None:
    aged(sign_in(alice), began=12 * HOUR).get(HOME)
    assert not Session.objects.exists()


def test_nobody_prolongs_a_session_in_the_database(alice: User, acme: Organization) -> None:
    browser = aged(sign_in(alice), began=12 * HOUR)
    Session.objects.update(expire_date=timezone.now() + timedelta(days=3650))
    assert browser.get(HOME).status_code == 302


def test_a_session_that_does_not_say_when_it_began_is_over(owner: Client) -> None:
    """As sessions of an earlier release whose person had not signed in on the page."""
    session = owner.session
    for name in (BEGAN_AT, SEEN_AT, "account_authentication_methods"):
        del session[name]
    session.save()
    assert owner.get(HOME).status_code == 302


def test_in_a_session_of_an_earlier_release_the_sign_in_counts(owner: Client) -> None:
    session = owner.session
    for name in (BEGAN_AT, SEEN_AT):
        del session[name]
    session.save()
    assert owner.get(HOME).status_code == 200
    session["account_authentication_methods"] = [{"method": "password", "at": time.time() - 12 * HOUR}]
    session.save()
    assert owner.get(HOME).status_code == 302


def test_signing_in_begins_anew_what_was_there_before(alice: User, acme: Organization) -> None:
    browser = Client()
    browser.get("/invitations/x/")
    session = browser.session
    session[BEGAN_AT] = session[SEEN_AT] = time.time() - 30 * DAY
    session.save()
    browser.cookies["sessionid"] = str(session.session_key)
    assert sign_in(alice, browser=browser).get(HOME).status_code == 200


def test_use_is_noted_once_a_minute(owner: Client) -> None:
    seen = aged(owner, seen=NOTED_EVERY_SECONDS / 2).session[SEEN_AT]
    owner.get(HOME)
    assert owner.session[SEEN_AT] == seen
    aged(owner, seen=2 * NOTED_EVERY_SECONDS).get(HOME)
    assert time.time() - owner.session[SEEN_AT] < NOTED_EVERY_SECONDS


def test_a_page_that_updates_itself_is_not_use(owner: Client) -> None:
    before = aged(owner, seen=HOUR).session[SEEN_AT]
    owner.get(HOME, headers={"HX-Request": "true"})
    assert owner.session[SEEN_AT] == before


def test_without_keep_me_signed_in_the_browser_forgets_it(alice: User, acme: Organization) -> None:
    assert sign_in(alice).cookies["sessionid"]["max-age"] == ""
    assert kept(alice).cookies["sessionid"]["max-age"] == 7 * DAY
