"""A mail about a sign-in from a browser that was not used before."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.test import Client

from portal.accounts.known_browser import cookie_name
from portal.models import User
from tests.support.sign_ins import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailed(django_capture_on_commit_callbacks: Any, settings: Any, alice: User) -> Any:
    """Sign in with a browser; return the subjects of the mails that are sent."""
    settings.PORTAL_SENDS_MAIL = True
    sign_in(alice)  # the first sign-in ever is expected

    def subjects(person: User, browser: Client) -> list[str]:
        mail.outbox.clear()
        with django_capture_on_commit_callbacks(execute=True):
            sign_in(person, browser=browser)
        return [str(message.subject) for message in mail.outbox]

    return subjects


def test_the_first_sign_in_from_a_browser(mailed: Any, alice: User) -> None:
    browser = Client()
    assert mailed(alice, browser) == ["[Drayage] New sign-in to your account"]
    browser.post("/accounts/logout/")
    assert mailed(alice, browser) == []


def test_a_new_account_gets_none(mailed: Any, bob: User) -> None:
    assert mailed(bob, Client()) == []


def test_a_browser_of_somebody_else_is_another_one(mailed: Any, alice: User, bob: User) -> None:
    browser = Client()
    mailed(bob, browser)
    browser.post("/accounts/logout/")
    assert mailed(alice, browser) != []
    browser.post("/accounts/logout/")
    assert mailed(bob, browser) == []


@pytest.mark.parametrize("value", ["", "x", "WzFd:1xXg0c:v0I", "ü"])
def test_a_made_up_cookie_is_none(value: str, mailed: Any, alice: User) -> None:
    browser = Client()
    browser.cookies[cookie_name()] = value
    assert mailed(alice, browser) != []


def test_the_cookie_is_not_for_scripts_and_says_nothing_of_the_session(mailed: Any, alice: User) -> None:
    browser = Client()
    mailed(alice, browser)
    cookie = browser.cookies[cookie_name()]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert browser.cookies["sessionid"].value not in cookie.value
    thief = Client()
    thief.cookies[cookie_name()] = cookie.value
    assert thief.get("/accounts/sessions/").status_code == 302
