"""Who is signed in, if the account is as the portal left it (`portal.accounts.authority`) and the session has not
reached a limit (`portal.accounts.session_limits`)."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.contrib.auth.middleware import AuthenticationMiddleware, get_user
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from portal.accounts import browser_sessions, session_limits
from portal.accounts.authority import note_altered
from portal.http.actors import actor_of
from portal.models import User


class UnalteredAccountMiddleware(AuthenticationMiddleware):
    """Django's middleware; whoever is signed in with an altered account, or for too long, is signed out."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: _unaltered_user(request))  # type: ignore[assignment]
        request.auser = sync_to_async(lambda: _unaltered_user(request))


def _unaltered_user(request: HttpRequest) -> User | AnonymousUser:
    user = get_user(request)
    if not isinstance(user, User):
        return user
    if user.is_unaltered and not session_limits.is_over(request.session, user):
        if not _is_poll(request) and session_limits.note_use(request.session):
            browser_sessions.note(request, user)
        return user
    request.session.flush()
    request.user = request._cached_user = AnonymousUser()  # type: ignore[attr-defined]
    if not user.is_unaltered:
        note_altered(user, by=actor_of(request))
    return request.user


def _is_poll(request: HttpRequest) -> bool:
    """Whether a page updates itself, which nobody has to sit in front of."""
    return request.method == "GET" and "HX-Request" in request.headers
