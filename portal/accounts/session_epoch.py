"""Ending all sessions of a person at once.

A session keeps a digest of the account's password and `User.session_epoch` (`get_session_auth_hash`), and the account's
mark covers both. So raising the epoch ends every session, wherever it is stored, and nobody can lower it in the
database.
"""

from __future__ import annotations

from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest

from portal.accounts import authority
from portal.models import User
from registries.foundation.ids import UserId


def end_sessions(row: User) -> None:
    """End all sessions of a person whose row is locked (`authority.lock`), and store the account's mark. Columns that
    were changed in `row` have to be stored by the caller in the same transaction. The request's own session stays valid
    after `keep_session`."""
    row.session_epoch += 1
    authority.store(row, "session_epoch")


def keep_session(request: HttpRequest) -> bool:
    """Let the request's own session continue, with another key, after an action that has ended all of the person's. Not
    if they were ended a second time since: whoever did that meant this one too. Returns whether it continues."""
    before = request.user.session_epoch if isinstance(request.user, User) else None
    row = User.objects.get(pk=request.user.pk or UserId(0))
    if before is None or row.session_epoch != before + 1:
        return False
    update_session_auth_hash(request, row)
    return True


def end_sessions_of(person_id: UserId) -> bool:
    """Lock the person's row and end their sessions. Returns whether it did: an altered account has none, and no new
    mark is made for it. For actions, in their transaction."""
    row = User.objects.select_for_update(no_key=True).get(pk=person_id)
    if not row.is_unaltered:
        return False
    end_sessions(row)
    return True
