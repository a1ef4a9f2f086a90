"""Browsers that have signed in to an account before: a guesser's failures don't slow them down.

The cookie is signed and says in which accounts its browser has signed in, as keyed digests of their addresses. It opens
nothing by itself, and its browser is limited by a counter of its own.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from portal.models import User
from portal.models.user import canonical_email
from registries.secrets import one_time
from registries.secrets.one_time import Purpose

SALT = "portal.known_browser"
MAX_AGE = timedelta(days=180)
MAX_ACCOUNTS = 5
"""Accounts that a browser is known for; signing in to another one forgets the first."""
_PENDING = "_known_for"


class KnownBrowserMiddleware:
    """Sets the cookie on the response to a request that signed somebody in (`remember`)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        email: str | None = getattr(request, _PENDING, None)
        if email is not None:
            browser, known = _read(request)
            account = _account(email)
            accounts = [*(other for other in known if other != account), account][-MAX_ACCOUNTS:]
            response.set_cookie(
                cookie_name(),
                signing.dumps([browser or secrets.token_urlsafe(16), *accounts], salt=SALT),
                max_age=MAX_AGE,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
        return response


def cookie_name() -> str:
    """Return the cookie's name."""
    return f"{settings.COOKIE_PREFIX}browser"


def remember(request: HttpRequest, person: User) -> None:
    """Have the browser of this request known for the account: somebody has signed in with it, or has opened a link that
    was mailed to its address."""
    setattr(request, _PENDING, person.email)


def browser_of(request: HttpRequest, email: str) -> str | None:
    """Return the id of the browser, if it has signed in to the account with this address before."""
    browser, accounts = _read(request)
    return browser if browser and _account(email) in accounts else None


def _account(email: str) -> str:
    return one_time.digest_of(canonical_email(email), Purpose.KNOWN_BROWSER)


def _read(request: HttpRequest) -> tuple[str, list[str]]:
    """The browser's id and its accounts; empty without a cookie of ours."""
    try:
        found = signing.loads(request.COOKIES.get(cookie_name(), ""), salt=SALT, max_age=MAX_AGE)
    except signing.BadSignature:
        return "", []
    return str(found[0]), [str(account) for account in found[1:]]
