"""Conversations of members with support: members ask, reply and solve, support answers.

A member's reply makes the conversation new again, and support's queue shows new ones first. Two people may write at
once: support answers the last message that it saw, a member solves from the state that they saw, and `Stale` is raised
if that has changed. The same message sent again, as by a second click, is not added.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from groups.models import Failure
from groups.rules import quotas
from groups.rules.states import Stale
from portal.models import Organization, SupportMessage, SupportRequest
from portal.support.admin_log import log_change
from portal.support.queries import last_message_key, last_text
from portal.support.readers import add_reader, mark_unread
from portal.support.targets import conversation_target
from registries.foundation.activity import record
from registries.foundation.actor import Actor
from registries.foundation.refusal import Refusal

State = SupportRequest.State
Side = SupportMessage.Side
MAX_MESSAGES = 200
MAX_QUESTIONS_A_DAY = 50
SAME_WITHIN = timedelta(minutes=10)
"""The same question again within this time is a second click."""


class AskedAlready(Refusal):
    """This person asked the same within SAME_WITHIN: in `request`."""

    code = "asked_already"
    title = "Asked already"

    def __init__(self, request: SupportRequest) -> None:
        super().__init__("You asked this a moment ago.")
        self.request = request


class TooManyAsked(Refusal):
    """The organization has asked MAX_QUESTIONS_A_DAY questions within 24 hours."""

    code = "too_many_questions"
    title = "Too many questions"
    status = 429

    def __init__(self) -> None:
        super().__init__(
            f"{MAX_QUESTIONS_A_DAY} questions a day go to support. Write in one that is there, or ask tomorrow."
        )


class ConversationFull(Refusal):
    """The conversation has MAX_MESSAGES messages."""

    code = "conversation_full"
    title = "This conversation is full"

    def __init__(self) -> None:
        super().__init__(
            f"This conversation has {MAX_MESSAGES} messages, which is as long as one gets. "
            "Start a new one and mention this one.",
            field="message",
        )


def ask(
    organization: Organization,
    *,
    by: Actor,
    kind: str,
    failure: Failure | None = None,
    registry: str = "",
    message: str = "",
    shares: bool = False,
) -> SupportRequest:
    """Open a conversation. `shares` lets support see all of the failure (see `portal.support.consent`).

    Raises AskedAlready for a second click, and TooManyAsked.
    """
    with transaction.atomic():
        quotas.lock_organization(organization.pk)
        asked = SupportRequest.objects.filter(organization=organization)
        same = asked.filter(
            user=by.person_id, kind=kind, failure=failure, registry=registry, created_at__gt=Now() - SAME_WITHIN
        )
        first = same.annotate(last_message=last_text()).filter(last_message=message or None).first()
        if first is not None:
            raise AskedAlready(first)
        if asked.filter(created_at__gt=Now() - timedelta(days=1)).count() >= MAX_QUESTIONS_A_DAY:
            raise TooManyAsked
        request = SupportRequest.objects.create(
            organization=organization,
            user_id=by.person_id,
            kind=kind,
            failure=failure,
            registry=registry,
            shares=shares and failure is not None,
        )
        if message:
            _post(request, Side.MEMBER, by, text=message)
        add_reader(request, by.person_id)
        record(
            by,
            "support.asked",
            conversation_target(request),
            organization_id=organization.pk,
            detail="sharing the whole failure" if request.shares else "",
            after={"shares": True} if request.shares else None,
        )
    return request


def reply(request: SupportRequest, *, by: Actor, text: str) -> bool:
    """Add a member's message, which reopens the conversation. Returns False for a second click. Raises
    ConversationFull."""
    with transaction.atomic():
        row = SupportRequest.objects.select_for_update().get(pk=request.pk)
        if _is_last(row, side=Side.MEMBER, author_id=by.person_id, text=text):
            return False
        if row.messages.count() >= MAX_MESSAGES:
            raise ConversationFull
        _post(row, Side.MEMBER, by, text=text)
        add_reader(row, by.person_id)
        SupportRequest.objects.filter(pk=row.pk).update(asked_at=Now())
        _move(row, State.NEW)
        record(by, "support.replied", conversation_target(row), organization_id=row.organization_id)
    return True


def solve(request: SupportRequest, *, by: Actor, was: str) -> None:
    """Mark the conversation solved by the member. `was` is the state that they saw. Raises Stale."""
    with transaction.atomic():
        row = SupportRequest.objects.select_for_update().get(pk=request.pk)
        if row.state != was or was == State.SOLVED:
            raise Stale(f"{row.pk} is no longer {was}")
        _move(row, State.SOLVED)
        _post(row, Side.MEMBER, by, state=State.SOLVED)
        record(by, "support.solved", conversation_target(row), organization_id=row.organization_id)


def answer(request: SupportRequest, *, by: Actor, was: str, text: str, to: str) -> SupportMessage | None:
    """Add support's answer and move the conversation to the state `to`. Returns the message, None for a second click.

    `was` is the `last_message_key` that this person saw. Raises Stale if a message was added since, and ValueError
    for a state that can't follow an answer.
    """
    if to not in (State.SOLVED, State.WAITING, State.SEEN):
        raise ValueError(to)
    with transaction.atomic():
        row = SupportRequest.objects.select_for_update().get(pk=request.pk)
        if _is_last(row, side=Side.SUPPORT, author_id=by.person_id, text=text, state=to):
            return None
        if last_message_key(row) != was:
            raise Stale(f"a message was added to {row.pk}")
        message = _post(row, Side.SUPPORT, by, text=text, state=to)
        _move(row, to)
        mark_unread(row)
        log_change(row, f"Answered. {State(to).label}.", by=by)
        record(by, "support.answered", conversation_target(row), organization_id=row.organization_id)
    return message


def _post(request: SupportRequest, side: Side, by: Actor, *, text: str = "", state: str = "") -> SupportMessage:
    """Add a message. `state` is the state that its author chose for the conversation, if any."""
    return SupportMessage.objects.create(request=request, side=side, author_id=by.person_id, text=text, state=state)


def _is_last(request: SupportRequest, **values: object) -> bool:
    """Whether the newest message has these values: a second click."""
    last = request.messages.order_by("-pk").first()
    return last is not None and all(getattr(last, name) == value for name, value in values.items())


def _move(row: SupportRequest, to: str) -> None:
    """Move a conversation from the state that its locked row has."""
    SupportRequest.objects.filter(pk=row.pk, state=row.state).update(state=to)
