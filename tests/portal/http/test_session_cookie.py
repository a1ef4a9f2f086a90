"""A session cookie of the earlier name is exchanged once, for sessions from before the upgrade only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from portal.accounts.sessions import SessionStore
from portal.http.session_cookie import MARK
from portal.models import User
from registries.secrets.session_data import row_key

NAME = "__Host-sessionid"
HOME = "/o/acme/default/groups/"


@pytest.fixture(autouse=True)
def _over_https(acme: Any, settings: Any) -> None:
    settings.SESSION_COOKIE_SECURE = True
    settings.SESSION_COOKIE_NAME = NAME


@pytest.fixture
def earlier(alice: User, as_user: Callable[[User], Client]) -> tuple[Client, str]:
    """A browser that was signed in before the upgrade, and its session's key."""
    browser = as_user(alice)
    key = browser.cookies.pop(NAME).value
    session = SessionStore(key)
    session[MARK] = True
    session.save()
    browser.cookies["sessionid"] = key
    return browser, key


def test_it_is_exchanged(earlier: tuple[Client, str]) -> None:
    browser, key = earlier
    page = browser.get(HOME)
    assert page.status_code == 200
    cookie = page.cookies[NAME]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, True, "Lax", "/")
    assert cookie["max-age"] == pytest.approx(7 * 24 * 3600, abs=60)
    assert cookie.value != key
    assert page.cookies["sessionid"].value == ""
    [row] = Session.objects.all()
    assert row.session_key == row_key(cookie.value)
    assert MARK not in SessionStore(cookie.value)

    del browser.cookies["sessionid"]
    assert browser.get(HOME).status_code == 200
    thief = Client()
    thief.cookies["sessionid"] = key
    assert thief.get(HOME).status_code == 302


def test_not_for_a_session_of_today(alice: User, as_user: Callable[[User], Client]) -> None:
    """A subdomain can set a cookie of the earlier name, of a session of its choice."""
    browser = as_user(alice)
    browser.cookies["sessionid"] = browser.cookies.pop(NAME).value
    page = browser.get(HOME)
    assert page.status_code == 302
    assert NAME not in page.cookies
    assert Session.objects.count() == 1


def test_not_beside_one_of_the_new_name(
    earlier: tuple[Client, str], mallory: User, as_user: Callable[[User], Client]
) -> None:
    browser = as_user(mallory)
    browser.cookies["sessionid"] = earlier[1]
    assert browser.get(HOME).status_code == 404, "mallory is a stranger there, and stays herself"


@pytest.mark.parametrize("key", ["", "x", "k" * 32])
def test_no_such_session(key: str) -> None:
    browser = Client()
    browser.cookies["sessionid"] = key
    page = browser.get(HOME)
    assert (page.status_code, NAME in page.cookies) == (302, False)
    assert not Session.objects.exists()


def test_signing_out_with_it_signs_out(earlier: tuple[Client, str]) -> None:
    browser, _ = earlier
    page = browser.post("/accounts/logout/")
    assert page.cookies[NAME].value == ""
    assert not Session.objects.exists()


def test_without_https_the_name_stays(earlier: tuple[Client, str], settings: Any) -> None:
    browser, key = earlier
    settings.SESSION_COOKIE_NAME = "sessionid"
    page = browser.get(HOME)
    assert page.status_code == 200
    assert browser.cookies["sessionid"].value == key
