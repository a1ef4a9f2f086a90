"""Mails to a person about a change of their account, so that they notice one that they didn't make.

They are sent after the change is committed, say when and from where it was made and what to do if it wasn't them, and
contain no link that gives anything by itself. A mail that can't be sent doesn't undo the change.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

import structlog
from django.db import transaction
from django.utils import timezone

from portal.mail import sending
from portal.models import User
from registries.foundation.actor import Actor, ActorKind

log = structlog.get_logger(__name__)
NO_DETAILS: Mapping[str, str] = MappingProxyType({})


def send_notice(
    person: User, notice: str, *, by: Actor, details: Mapping[str, str] = NO_DETAILS, to: str | None = None
) -> None:
    """Mail `templates/emails/account/<notice>.txt` to the person when the transaction is committed; `to` is another
    address, such as the one that they had before. The template gets `details` and what `_context` returns, in which an
    operator's address and device are not."""
    address = to or person.email
    context = _context(person, by) | dict(details)
    transaction.on_commit(partial(_send, f"account/{notice}", address, context), robust=True)


def _send(template: str, to: str, context: Mapping[str, object]) -> None:
    if sending.send(template, to, context) is sending.Outcome.NOT_SENT and sending.is_configured():
        log.warning("notice_not_sent", template=template)


def _context(person: User, by: Actor) -> dict[str, object]:
    """Who the account is, when the change was made, and from where."""
    is_own = by.kind is ActorKind.PERSON and by.id == str(person.pk)
    is_portal = by.kind in (ActorKind.OPERATOR, ActorKind.SUPPORT, ActorKind.PORTAL)
    return {
        "email": person.email,
        "at": timezone.now(),
        "is_own": is_own,
        "by": "" if is_own else "an operator of this portal" if is_portal else by.name,
        "address": "" if is_portal else by.address,
        "device": "" if is_portal else by.device,
    }
