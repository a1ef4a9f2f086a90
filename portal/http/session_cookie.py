"""Keeps people signed in who got their cookie from a release that gave it another name.

Over https the session's cookie is `__Host-sessionid`, which no subdomain can set. A cookie of the earlier name is
accepted only for a session from before the upgrade, which a migration has marked, and exchanged at once. So it can be
removed as soon as such sessions have expired, a week after the upgrade.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from portal.accounts.sessions import SessionStore

EARLIER_NAME = "sessionid"
MARK = "cookie_without_prefix"
"""The entry with which the migration marks sessions."""


class EarlierSessionCookieMiddleware:
    """Exchanges a session cookie of the earlier name for one of the current name and another key."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        name = settings.SESSION_COOKIE_NAME
        earlier = request.COOKIES.get(EARLIER_NAME)
        if name == EARLIER_NAME or earlier is None or name in request.COOKIES:
            return self.get_response(request)
        session = _exchange(earlier)
        if session is None or session.session_key is None:
            return self.get_response(request)
        request.COOKIES[name] = session.session_key
        response = self.get_response(request)
        if name not in response.cookies:  # else the view signed the person out, or changed the session
            response.set_cookie(
                name,
                session.session_key,
                max_age=None if session.get_expire_at_browser_close() else session.get_expiry_age(),
                secure=True,
                httponly=True,
                samesite=settings.SESSION_COOKIE_SAMESITE,
            )
        response.delete_cookie(EARLIER_NAME)
        return response


def _exchange(key: str) -> SessionStore | None:
    """Give the session of an earlier release another key; None where there is no such session."""
    session = SessionStore(key)
    if MARK not in session:
        return None
    del session[MARK]
    session.cycle_key()
    return session
