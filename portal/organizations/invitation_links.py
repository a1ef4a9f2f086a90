"""The link of an invitation, kept in the session of whoever opened it.

Opening the link leads to an address without the token. What is requested and reloaded from there on has no secret in
its path, for logs, histories and `Referer` headers to keep.
"""

from __future__ import annotations

from datetime import UTC

import structlog
from django.http import HttpRequest

from portal.models import Invitation
from registries.secrets import one_time
from registries.secrets.one_time import Purpose

KEY = "invitation_token"

log = structlog.get_logger(__name__)


def find(token: str) -> Invitation | None:
    """Return the invitation with this token, in whatever state it is; None if it was changed outside the portal."""
    rows = Invitation.objects.select_related("organization", "invited_by")
    row = rows.filter(token_hash=one_time.digest_of(token, Purpose.INVITATION)).first()
    if row is None or one_time.is_sealed(row.seal, row.token_hash, Purpose.INVITATION, *sealed_columns(row)):
        return row
    log.error("invitation_altered", invitation=str(row.pk))
    return None


def sealed_columns(row: Invitation) -> tuple[str, ...]:
    """Return the columns that the seal of an invitation covers: to whom it gives what, until which second, and what it
    proves. Less than a second is lost in a dump of Django's. Invitations that prove nothing have the seal of earlier
    versions."""
    until = row.expires_at.astimezone(UTC).isoformat(timespec="seconds")
    proof = (row.proof,) if row.proof else ()
    return str(row.pk), str(row.organization_id), row.email, row.role, until, *proof


def remember(request: HttpRequest, token: str) -> None:
    """Keep the token in the session, in place of an earlier one."""
    request.session[KEY] = token


def remembered(request: HttpRequest) -> str:
    """Return the token that was kept; empty if there is none."""
    return str(request.session.get(KEY, ""))


def open_one(request: HttpRequest) -> Invitation | None:
    """Return the invitation that was kept, if it can still be accepted."""
    row = find(remembered(request)) if remembered(request) else None
    return row if row is not None and Invitation.objects.open().filter(pk=row.pk).exists() else None


def forget(request: HttpRequest) -> None:
    """Keep it no longer."""
    request.session.pop(KEY, None)
