"""Actions that sign out browsers: by the person themselves, or by an operator."""

from __future__ import annotations

from django.db import transaction

from portal.accounts import authority
from portal.accounts.browser_sessions import delete_sessions
from portal.accounts.session_epoch import end_sessions
from portal.audit.sign_ins import record_for_person
from portal.models import BrowserSession, User
from registries.foundation.actor import Actor


def end_session(browser: BrowserSession, *, by: Actor) -> bool:
    """Sign out one browser. Returns whether it was signed in."""
    with transaction.atomic():
        person = User.objects.get(pk=browser.person_id)
        if not delete_sessions(person.pk, only=browser):
            return False
        record_for_person(person, "account.session_ended", by=by, detail=browser.device)
    return True


def end_all_sessions(person: User, *, own_row_key: str = "", by: Actor) -> None:
    """Sign out all browsers of a person; not the one with `own_row_key`, if it is kept afterwards (`keep_session`).
    Raises AccountAltered."""
    with transaction.atomic():
        row = authority.lock(person.pk)
        end_sessions(row)
        person.session_epoch, person.authority_mark = row.session_epoch, row.authority_mark
        delete_sessions(row.pk, own_row_key=own_row_key)
        record_for_person(row, "account.sessions_ended", by=by)
