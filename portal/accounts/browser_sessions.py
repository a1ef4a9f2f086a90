"""The list of browsers in which somebody is signed in (`portal.models.BrowserSession`)."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.sessions.models import Session
from django.db.models.functions import Now
from django.http import HttpRequest

from portal.accounts.session_limits import limits_of
from portal.http.devices import device_of
from portal.models import BrowserSession, User
from registries.foundation.ids import UserId
from registries.foundation.requests import client_address
from registries.secrets.session_data import row_key


def note(request: HttpRequest, person: User) -> None:
    """Store that this browser is used by the person now."""
    if request.session.session_key is None:
        return
    BrowserSession.objects.update_or_create(
        row_key=row_key(request.session.session_key),
        defaults={
            "person": person,
            "session_epoch": person.session_epoch,
            "device": device_of(request.headers.get("User-Agent", "")),
            "address": client_address(request),
            "seen_at": Now(),
        },
    )


def listed(person: User, *, own_row_key: str) -> list[BrowserSession]:
    """Return the person's browsers that can still be signed in, the present one first and then by their last use."""
    idle = timedelta(seconds=limits_of(person, is_kept=True).idle)
    rows = BrowserSession.objects.filter(person=person).seen_since(idle).order_by("-seen_at")
    valid = [row for row in rows if row.row_key == own_row_key or row.session_epoch == person.session_epoch]
    return sorted(valid, key=lambda row: row.row_key != own_row_key)


def delete_sessions(person_id: UserId, *, only: BrowserSession | None = None, own_row_key: str = "") -> int:
    """Delete the sessions of a person, or only one; not the one with `own_row_key`. Returns how many. For actions, in
    their transaction: what ends all of them for certain is `session_epoch`."""
    rows = BrowserSession.objects.filter(person=person_id).exclude(row_key=own_row_key)
    if only is not None:
        rows = rows.filter(pk=only.pk)
    keys = list(rows.values_list("row_key", flat=True))
    Session.objects.filter(session_key__in=keys).delete()
    return rows.filter(row_key__in=keys).delete()[0]


def sweep() -> int:
    """Delete sessions that have expired, and what is listed of sessions that are gone; return how many."""
    deleted: int = Session.objects.filter(expire_date__lte=Now()).delete()[0]
    deleted += BrowserSession.objects.exclude(row_key__in=Session.objects.values("session_key")).delete()[0]
    return deleted
