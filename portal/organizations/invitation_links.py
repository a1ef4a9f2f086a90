"""The link of an invitation, kept in the session of whoever opened it.

Opening the link leads to an address without the token. What is requested and reloaded from there on has no secret in
its path, for logs, histories and `Referer` headers to keep.
"""

from __future__ import annotations

from django.http import HttpRequest

from portal.models import Invitation
from registries.secrets import one_time

KEY = "invitation_token"


def find(token: str) -> Invitation | None:
    """Return the invitation with this token, in whatever state it is."""
    rows = Invitation.objects.select_related("organization", "invited_by")
    return rows.filter(token_hash=one_time.digest_of(token)).first()


def remember(request: HttpRequest, token: str) -> None:
    """Keep the token in the session, in place of an earlier one."""
    request.session[KEY] = token


def remembered(request: HttpRequest) -> str:
    """Return the token that was kept; empty if there is none."""
    return str(request.session.get(KEY, ""))


def forget(request: HttpRequest) -> None:
    """Keep it no longer."""
    request.session.pop(KEY, None)
