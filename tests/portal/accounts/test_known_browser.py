"""The cookie of a browser that has signed in before: signed, for its accounts only, and no key to anything."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.conf import LazySettings
from django.core import signing
from django.http import HttpRequest
from django.test import Client, override_settings

from portal.accounts import known_browser
from portal.accounts.known_browser import browser_of
from portal.models import User
from tests.conftest import PASSWORD

COOKIE = "browser"


@pytest.fixture(autouse=True)
def _one_name(settings: LazySettings) -> None:
    settings.COOKIE_PREFIX = ""


def sign_in(person: User, browser: Client) -> None:
    assert browser.post("/accounts/login/", {"login": person.email, "password": PASSWORD}).status_code == 302


def request_of(value: str) -> HttpRequest:
    request = HttpRequest()
    request.COOKIES[COOKIE] = value
    return request


def test_signing_in_sets_it_and_signing_out_keeps_it(alice: User, bob: User) -> None:
    browser = Client()
    sign_in(alice, browser)
    browser.post("/accounts/logout/")
    morsel = browser.cookies[COOKIE]

    assert (morsel["httponly"], morsel["samesite"], morsel["path"]) == (True, "Lax", "/")
    assert alice.email not in str(signing.loads(morsel.value, salt=known_browser.SALT))
    assert browser_of(request_of(morsel.value), alice.email.upper())
    assert browser_of(request_of(morsel.value), bob.email) is None


@override_settings(SESSION_COOKIE_SECURE=True, COOKIE_PREFIX="__Host-", SECURE_SSL_REDIRECT=False)
def test_over_https_it_is_for_this_host_alone(alice: User, settings: LazySettings) -> None:
    settings.COOKIE_PREFIX = "__Host-"
    browser = Client()
    sign_in(alice, browser)
    assert browser.cookies["__Host-browser"]["secure"] is True


def test_a_wrong_password_sets_none(alice: User) -> None:
    browser = Client()
    browser.post("/accounts/login/", {"login": alice.email, "password": "a wrong guess"})
    assert COOKIE not in browser.cookies


def test_it_keeps_five_accounts_and_its_id(db: None) -> None:
    people = [User.objects.create_user(f"p{number}@acme.example", PASSWORD) for number in range(6)]
    browser, ids = Client(), set()
    for person in people:
        sign_in(person, browser)
        browser.post("/accounts/logout/")
        ids.add(browser_of(request_of(browser.cookies[COOKIE].value), person.email))
    value = browser.cookies[COOKIE].value
    assert len(ids) == 1
    assert [browser_of(request_of(value), person.email) is not None for person in people] == [False] + [True] * 5


@pytest.mark.parametrize("value", ["", "x", "W10:1abc:sig", "\0"])
def test_what_is_not_ours_is_none(alice: User, value: str) -> None:
    assert browser_of(request_of(value), alice.email) is None


def test_one_that_was_signed_for_something_else_is_none(alice: User) -> None:
    account = known_browser._account(alice.email)
    assert browser_of(request_of(signing.dumps(["b", account], salt=known_browser.SALT)), alice.email) == "b"
    assert browser_of(request_of(signing.dumps(["b", account])), alice.email) is None
    assert (
        browser_of(request_of(signing.dumps(["b", account], salt=known_browser.SALT, key="other")), alice.email) is None
    )


def test_it_ends_after_half_a_year(alice: User) -> None:
    value = signing.dumps(["b", known_browser._account(alice.email)], salt=known_browser.SALT)
    with time_machine.travel(timedelta(days=179)):
        assert browser_of(request_of(value), alice.email)
    with time_machine.travel(timedelta(days=181)):
        assert browser_of(request_of(value), alice.email) is None


def test_it_signs_nobody_in(alice: User) -> None:
    browser = Client()
    sign_in(alice, browser)
    thief = Client()
    thief.cookies[COOKIE] = browser.cookies[COOKIE].value
    assert thief.get("/o/acme/").status_code == 302
