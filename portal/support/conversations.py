"""Conversations with support, from the members' side: ask, reply, solve, and what support may see of a failure.

One mutation per function; what support does stands in `portal.support.desk.actions`. A state changes only from one
that was there: whatever a member writes puts the conversation back among the new ones, which support has before it
first.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Now
from django.urls import reverse

from groups import quotas
from groups.states import Stale
from portal import mail
from portal.models import Organization, SupportMessage, SupportReader, SupportRequest, User

State = SupportRequest.State
Side = SupportMessage.Side
MAX_MESSAGES = 200
MAX_ASKED_A_DAY = 50
SAME_WITHIN = timedelta(minutes=10)
"""The same question once more in that time is a second click."""


class AskedAlready(Exception):
    """This person asked the same a moment ago: `asked`."""

    def __init__(self, asked: SupportRequest) -> None:
        super().__init__(str(asked.pk))
        self.asked = asked


class TooManyAsked(Exception):
    """The organization asked too much for now; `text` says what to do."""

    text = f"{MAX_ASKED_A_DAY} questions a day go to support. Write in one that is there, or ask tomorrow."


class ConversationFull(Exception):
    """There is no room for another message; `text` says what to do."""

    text = f"This conversation has {MAX_MESSAGES} messages, which is as long as one gets. Ask anew, and name this one."


def ask(
    *,
    organization: Organization,
    user: User,
    kind: str,
    failure: Any = None,
    registry: str = "",
    message: str = "",
    shares: bool = False,
) -> SupportRequest:
    """Open a conversation. Of a failure that is attached support sees what `portal.support.consent` says: all of it
    where it is shared, never a secret. Raises AskedAlready for the same once more, as a second click sends it, and
    TooManyAsked."""
    with transaction.atomic():
        quotas.lock(organization.pk)
        asks = SupportRequest.objects.filter(organization=organization)
        same = asks.filter(user=user, kind=kind, failure=failure, registry=registry, created_at__gt=Now() - SAME_WITHIN)
        there = same.annotate(said=last_words()).filter(said=message or None).first()
        if there is not None:
            raise AskedAlready(there)
        if asks.filter(created_at__gt=Now() - timedelta(days=1)).count() >= MAX_ASKED_A_DAY:
            raise TooManyAsked
        asked = SupportRequest.objects.create(
            organization=organization,
            user=user,
            kind=kind,
            failure=failure,
            registry=registry,
            shares=shares and failure is not None,
        )
        if message:
            SupportMessage.objects.create(request=asked, side=Side.MEMBER, author=user, text=message)
        SupportReader.objects.create(request=asked, person=user)
    return asked


def reply(asked: SupportRequest, *, user: User, text: str) -> bool:
    """Write again, which opens the conversation anew. Returns whether it was written: the same words once more, as a
    second click sends them, are not. Raises ConversationFull."""
    with transaction.atomic():
        rows = SupportRequest.objects.filter(pk=asked.pk)
        rows.select_for_update().get()
        if was_said_last(asked, side=Side.MEMBER, author=user, text=text):
            return False
        if asked.messages.count() >= MAX_MESSAGES:
            raise ConversationFull
        SupportMessage.objects.create(request=asked, side=Side.MEMBER, author=user, text=text)
        SupportReader.objects.get_or_create(request=asked, person=user)
        rows.update(asked_at=Now())
        rows.filter(state__in=(State.SEEN, State.WAITING, State.SOLVED)).update(state=State.NEW)
    return True


def solve(asked: SupportRequest, *, user: User, was: str) -> None:
    """Say that nothing more is needed, from the state that this person saw. Raises Stale."""
    with transaction.atomic():
        open_still = SupportRequest.objects.filter(pk=asked.pk, state=was).exclude(state=State.SOLVED)
        if not open_still.update(state=State.SOLVED):
            raise Stale(f"{asked.pk} is no longer {was}")
        SupportMessage.objects.create(request=asked, side=Side.MEMBER, author=user, state=State.SOLVED)


def share(asked: SupportRequest) -> bool:
    """Show support all of the failure; return whether it was not shared by this before."""
    rows = SupportRequest.objects.filter(pk=asked.pk, failure__isnull=False, shares=False)
    return bool(rows.update(shares=True))


def stop_sharing(failure: Any) -> bool:
    """Take a failure back from support, whoever of the organization shared it; return whether it was shared."""
    return bool(SupportRequest.objects.filter(failure=failure, shares=True).update(shares=False))


def mark_read(asked: SupportRequest, person: User) -> None:
    """Note that this person has opened it."""
    SupportReader.objects.filter(request=asked, person=person, unread=True).update(unread=False)


def unread(organization_id: Any, person: Any) -> Any:
    """Conversations in which support has answered this person, who hasn't opened it yet."""
    rows = SupportReader.objects.filter(person=person, unread=True, request__organization=organization_id)
    return SupportRequest.objects.filter(pk__in=rows.values("request"))


def last_words(side: str = "") -> Subquery:
    """For a query of requests: what was said last, by either or by one side."""
    said = SupportMessage.objects.filter(request=OuterRef("pk")).exclude(text="")
    return Subquery((said.filter(side=side) if side else said).order_by("-pk").values("text")[:1])


def was_said_last(asked: SupportRequest, **said: Any) -> bool:
    """Whether the last message is this one."""
    last = asked.messages.order_by("-pk").first()
    return last is not None and all(getattr(last, name) == value for name, value in said.items())


def tell_support(asked: SupportRequest, text: str, *, by: User, again: bool) -> None:
    """Mail support what a member wrote, where the portal sends mail. The desk has it anyway."""
    desk = f"{settings.PORTAL_PUBLIC_URL}{reverse('desk:case', args=['request', asked.pk])}"
    context = {"asked": asked, "text": text, "by": by, "again": again, "link": desk}
    mail.send("support_asked", settings.PORTAL_SUPPORT_EMAIL, context)
