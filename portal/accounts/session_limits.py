"""How long somebody stays signed in: until they haven't used the portal for a while, and at most for a time that begins
with the sign-in. Both times are in the session's encrypted content, so nobody prolongs a session in the database.

Operators and support have shorter limits. "Keep me signed in" is for others only.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase

from portal.models import User

BEGAN_AT, SEEN_AT = "began_at", "seen_at"
"""Entries of a session: seconds since 1970 when the person signed in, and when they last did something."""
NOTED_EVERY_SECONDS = 60
_EXPIRY = "_session_expiry"
"""Django's entry for "Keep me signed in"."""


@dataclass(frozen=True, slots=True)
class Limits:
    """In seconds."""

    idle: int
    absolute: int


def limits_of(person: User, *, is_kept: bool) -> Limits:
    """Return the limits of a person's session. `is_kept`: they chose to stay signed in."""
    if person.is_staff:
        return Limits(settings.PORTAL_STAFF_IDLE_MINUTES * 60, settings.PORTAL_STAFF_SESSION_HOURS * 3600)
    hours = settings.PORTAL_KEPT_SESSION_HOURS if is_kept else settings.PORTAL_SESSION_HOURS
    return Limits(settings.PORTAL_IDLE_HOURS * 3600, hours * 3600)


def begin(session: SessionBase) -> None:
    """Note that somebody signs in now. A browser whose person didn't choose otherwise forgets the session when it is
    closed."""
    session[BEGAN_AT] = session[SEEN_AT] = time.time()
    if _EXPIRY not in session:
        session.set_expiry(0)


def is_over(session: SessionBase, person: User) -> bool:
    """Whether the session has reached a limit. One that doesn't say when it began is over."""
    now = time.time()
    began_at = float(session.get(BEGAN_AT, _first_proof_at(session)))
    limits = limits_of(person, is_kept=bool(session.get(_EXPIRY)))
    return now - began_at >= limits.absolute or now - float(session.get(SEEN_AT, began_at)) >= limits.idle


def note_use(session: SessionBase) -> bool:
    """Note that the person does something now; once in NOTED_EVERY_SECONDS, so that not every request writes. Returns
    whether it was noted."""
    now = time.time()
    if now - session.get(SEEN_AT, 0) < NOTED_EVERY_SECONDS:
        return False
    session[SEEN_AT] = now
    return True


def _first_proof_at(session: SessionBase) -> float:
    """When the person signed in, in a session of an earlier release; 0 if it doesn't say."""
    records = session.get(AUTHENTICATION_METHODS_SESSION_KEY) or [{}]
    return float(records[0].get("at", 0))
