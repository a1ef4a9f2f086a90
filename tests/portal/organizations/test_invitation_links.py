"""The link of an invitation leads to an address without its token, and works all the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client

from portal.models import Organization, SignInLimit, User
from portal.organizations import invitations
from tests.conftest import PASSWORD
from tests.support.actors import acting

NINA = "nina@acme.example"
GOOD = "a long and good sentence"
ACCEPT = "/invitations/accept/"


@pytest.fixture(autouse=True)
def _no_limits_left_over(db: None) -> None:
    cache.clear()


@pytest.fixture
def invite(acme: Any, alice: User) -> Callable[[str], str]:
    """Invite an address; return the path of the link."""

    def invited(email: str) -> str:
        return f"/invitations/{invitations.invite(acme, email=email, role='member', by=acting(alice))[1]}/"

    return invited


@pytest.fixture
def umbrella(mallory: Any) -> Organization:
    organization: Organization = mallory.organizations.get()
    return organization


@pytest.mark.parametrize("method", ["get", "head"])
def test_the_link_leads_on_without_its_token(method: str, invite: Callable[[str], str]) -> None:
    link, browser = invite(NINA), Client()
    opened = getattr(browser, method)(link)
    assert (opened.status_code, opened["Location"]) == (302, ACCEPT)
    assert opened["Referrer-Policy"] == "strict-origin"
    assert "no-store" in opened["Cache-Control"]
    page = browser.get(ACCEPT)
    assert page.status_code == 200
    assert link.split("/")[2] not in page.text
    assert link.split("/")[2] not in str(list(Session.objects.values()))


def test_it_is_kept_in_this_browser_only(invite: Callable[[str], str]) -> None:
    Client().get(invite(NINA))
    answer = Client().get(ACCEPT)
    assert (answer.status_code, "no such invitation" in answer.text) == (404, True)
    assert Client().post(ACCEPT, {"password": GOOD}).status_code == 404


def test_once_accepted_it_is_forgotten(invite: Callable[[str], str]) -> None:
    browser = Client()
    browser.get(invite(NINA))
    assert browser.post(ACCEPT, {"password": "short"}).status_code == 422
    assert browser.post(ACCEPT, {"password": GOOD}).status_code == 302
    assert browser.get(ACCEPT).status_code == 404
    assert User.objects.filter(email=NINA).exists()


def test_a_link_that_is_none_begins_no_session(acme: Any) -> None:
    for token in ("x", "dri_" + "A" * 43):
        assert Client().get(f"/invitations/{token}/").status_code == 404
    assert not Session.objects.exists()


def test_a_page_that_was_open_during_the_upgrade(invite: Callable[[str], str]) -> None:
    """Its form posts to the address with the token."""
    link, browser = invite(NINA), Client(enforce_csrf_checks=True)
    assert browser.post(link, {"password": GOOD}).status_code == 403
    browser.get("/accounts/login/")
    sent = {"csrfmiddlewaretoken": browser.cookies["csrftoken"].value}
    again = browser.post(link, sent | {"password": "short"})
    assert again.status_code == 422
    assert link not in again.text
    assert browser.post(link, sent | {"password": GOOD})["Location"] == "/o/acme/"


def test_somebody_with_an_account_signs_in_on_the_way(invite: Callable[[str], str], mallory: User, acme: Any) -> None:
    browser = Client()
    page = browser.get(invite(mallory.email), follow=True)
    login = f"/accounts/login/?next={ACCEPT}"
    assert login in page.text
    wrong = browser.post(login, {"login": mallory.email, "password": "a wrong guess", "next": ACCEPT})
    assert wrong.status_code == 200
    signed_in = browser.post(login, {"login": mallory.email, "password": PASSWORD})
    assert signed_in["Location"] == ACCEPT
    browser.post(ACCEPT)
    assert acme.memberships.filter(user=mallory).exists()


def test_somebody_else_signs_out_on_the_way(
    invite: Callable[[str], str], mallory: User, as_user: Callable[[User], Client]
) -> None:
    browser = as_user(mallory)
    page = browser.get(invite(NINA), follow=True)
    assert "for another address" in page.text
    left = browser.post("/accounts/logout/", {"next": ACCEPT}, follow=True)
    assert "Join Acme" in left.text
    assert browser.post(ACCEPT, {"password": GOOD}).status_code == 302


def test_signing_out_otherwise_leaves_nothing(
    invite: Callable[[str], str], mallory: User, as_user: Callable[[User], Client]
) -> None:
    browser = as_user(mallory)
    browser.get(invite(NINA))
    browser.post("/accounts/logout/")
    assert browser.get(ACCEPT).status_code == 404


def test_of_two_links_the_one_opened_last_counts(
    invite: Callable[[str], str], mallory: User, as_user: Callable[[User], Client]
) -> None:
    browser = as_user(mallory)
    browser.get(invite(NINA))
    browser.get(invite(mallory.email))
    assert "Join as member" in browser.get(ACCEPT).text


def test_a_page_accepts_the_invitation_that_it_shows(
    invite: Callable[[str], str], umbrella: Organization, mallory: User, acme: Any
) -> None:
    """Another tab, or another site with a link of its own, has opened another one since."""
    browser = Client()
    page = browser.get(invite(NINA), follow=True)
    _, token = invitations.invite(umbrella, email="other@umbrella.example", role="owner", by=acting(mallory))
    browser.get(f"/invitations/{token}/")
    form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]+)">', page.text))
    answer = browser.post(ACCEPT, form | {"password": GOOD}, follow=True)
    assert "other@umbrella.example" in answer.text
    assert "You opened another invitation" in answer.text
    assert not User.objects.filter(email__in=[NINA, "other@umbrella.example"]).exists()
    form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]+)">', answer.text))
    assert browser.post(ACCEPT, form | {"password": GOOD})["Location"] == "/o/umbrella/"


def test_what_is_stored_of_a_failed_sign_in_has_no_link(invite: Callable[[str], str], mallory: User) -> None:
    """From a page of an earlier release, which named the link."""
    link = invite(mallory.email)
    Client().post(f"/accounts/login/?next={link}", {"login": mallory.email, "password": "wrong", "next": link})
    assert link.split("/")[2] not in str(list(SignInLimit.objects.values()))
    assert SignInLimit.objects.exists()
