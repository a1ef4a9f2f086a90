"""What support does to a case: look, move, note, answer. One mutation per function; each is written to the audit log.

Two of support may have one case open, and a member may write meanwhile: a state changes only from the one that was
seen, a note only where it still reads as it did, and an answer is only written below the message that it answers.
Otherwise `Stale` is raised and nothing is written.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from groups.models import Failure
from groups.states import Stale
from portal import mail
from portal.activity import record
from portal.models import SupportLook, SupportMessage, SupportReader, SupportRequest
from portal.support.conversations import was_said_last

State = Failure.State
Side = SupportMessage.Side
Row = Failure | SupportRequest
SAME_LOOK = timedelta(minutes=1)


def look(person: Any, failure: Failure, *, saw_all: bool) -> None:
    """Note that this person opened the failure today, for the member to see."""
    with transaction.atomic():
        row, made = SupportLook.objects.select_for_update().get_or_create(
            failure=failure, person=person, day=timezone.now().date(), defaults={"saw_all": saw_all}
        )
        if made:
            record(failure.organization_id, person, "support.looked", f"the failure of {failure.group_name}")
        elif timezone.now() - row.last_at > SAME_LOOK or (saw_all and not row.saw_all):
            SupportLook.objects.filter(pk=row.pk).update(last_at=Now(), saw_all=row.saw_all or saw_all)


def see(row: Row) -> None:
    """Mark a new case as seen; one that is not new stays as it is."""
    if row.state == State.NEW and type(row).objects.filter(pk=row.pk, state=State.NEW).update(state=State.SEEN):
        row.state = State.SEEN


def move(person: Any, row: Row, *, was: str, to: str) -> None:
    """Move the case on from the state that this person saw. Raises Stale."""
    if to == State.NEW or to not in State.values or was not in State.values:
        raise ValueError(f"{was} → {to}")
    with transaction.atomic():
        if not type(row).objects.filter(pk=row.pk, state=was).update(state=to):
            raise Stale(f"{row.pk} is no longer {was}")
        log(person, row, f"{State(to).label}.")


def note(person: Any, row: Row, *, was: str, text: str) -> None:
    """Write the note that only support reads. `was` is the `mark` of what it said. Raises Stale where it has changed
    since."""
    with transaction.atomic():
        kept = type(row).objects.select_for_update().filter(pk=row.pk).first()
        if kept is None or mark(kept.note) != was:
            raise Stale(f"the note of {row.pk} has changed")
        type(row).objects.filter(pk=row.pk).update(note=text)
        log(person, row, "Changed the note.")


def answer(person: Any, request: SupportRequest, *, was: str, text: str, to: str) -> list[str] | None:
    """Answer the members who wrote, who read it on the page and by mail; return to whom a mail went, or None where
    these very words stood there already. `was` is the `last_said` that this person saw. Raises Stale where something
    was said since."""
    if to not in (State.SOLVED, State.WAITING, State.SEEN):
        raise ValueError(to)
    with transaction.atomic():
        row = SupportRequest.objects.select_for_update().get(pk=request.pk)
        if was_said_last(row, side=Side.SUPPORT, author=person, text=text, state=to):
            return None  # a second click
        if last_said(row) != was:
            raise Stale(f"something was said in {request.pk}")
        said = SupportMessage.objects.create(request=row, side=Side.SUPPORT, author=person, text=text, state=to)
        SupportRequest.objects.filter(pk=row.pk, state=row.state).update(state=to)
        SupportReader.objects.filter(request=row).update(unread=True)
        log(person, request, f"Answered. {State(to).label}.")
        about = request.failure.group_name if request.failure else request.get_kind_display().lower()
        address = reverse("portal:conversation", args=[request.organization.slug, request.pk])
        record(request.organization_id, person, "support.answered", about, address=address)
    request.refresh_from_db()
    return _mail(request, said)


def last_said(request: SupportRequest) -> str:
    """By what an answer tells to which message it was written."""
    last = request.messages.order_by("-pk").values_list("pk", flat=True).first()
    return str(last or "")


def mark(text: str) -> str:
    """A short mark of a text, by which a form tells what it was made for."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def log(person: Any, row: Any, change: str) -> None:
    """Write the audit log, without a name that support may not see."""
    LogEntry.objects.create(
        user_id=person.pk,
        content_type_id=ContentType.objects.get_for_model(type(row)).pk,
        object_id=str(row.pk),
        object_repr=f"{type(row)._meta.verbose_name} {str(row.pk)[:8]}".capitalize(),
        action_flag=CHANGE,
        change_message=change,
    )


def _mail(request: SupportRequest, said: SupportMessage) -> list[str]:
    """Mail an answer to whoever wrote in the conversation. Whoever left the organization learns nothing more of it."""
    members = request.organization.memberships.values("user")
    readers = request.readers.filter(person__is_active=True, person__in=members).select_related("person")
    question = request.messages.filter(side=Side.MEMBER).first()
    address = reverse("portal:conversation", args=[request.organization.slug, request.pk])
    context = {
        "asked": request,
        "question": question.text if question else "",
        "text": said.text,
        "waits": request.state == State.WAITING,
        "link": f"{settings.PORTAL_PUBLIC_URL}{address}",
    }
    people = [reader.person.email for reader in readers]
    sent = [each for each in people if mail.send("support_answer", each, context) is mail.Way.SENT]
    if sent:
        SupportMessage.objects.filter(pk=said.pk).update(mailed_at=Now())
    return sent
