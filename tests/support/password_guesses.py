"""Guesses at passwords on the sign-in page, from addresses and browsers, and what is counted of them."""

from __future__ import annotations

from typing import Any, cast

from django.http import HttpResponse
from django.test import Client

from portal.models import SignInLimit, User
from tests.conftest import PASSWORD

LOGIN = "/accounts/login/"
WRONG = "a wrong guess"
STRANGER, OTHER, HOME = "192.0.2.66", "198.51.100.66", "203.0.113.1"


def sign_in(email: str, password: str, *, client: str = HOME, browser: Client | None = None) -> HttpResponse:
    """Try to sign in: 302 if it worked, 200 if the password was wrong, 429 if it was not checked."""
    sent = {"login": email, "password": password}
    return cast("HttpResponse", (browser or Client()).post(LOGIN, sent, REMOTE_ADDR=client))


def statuses(count: int, email: str, password: str = WRONG, **who: Any) -> list[int]:
    return [sign_in(email, password, **who).status_code for _ in range(count)]


def known(person: User) -> Client:
    """A browser that has signed in to the account, and signed out."""
    browser = Client()
    assert sign_in(person.email, PASSWORD, browser=browser).status_code == 302
    browser.post("/accounts/logout/")
    return browser


def counted() -> dict[str, int]:
    """What is counted now, by kind and what is shown of it."""
    return {f"{row.kind} {row.shown}": row.count for row in SignInLimit.objects.all() if row.count}
