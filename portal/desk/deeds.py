"""What support does to a case: look, move, note, answer. One mutation per function; each is written to the audit log.

Two of support may have one case open: a state changes only from the one that was seen, a note only where it still
reads as it did. Otherwise `Stale` is raised and nothing is written.
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
from portal.models import SupportLook, SupportRequest

State = Failure.State
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
    if to == State.NEW or to not in State.values:
        raise ValueError(to)
    with transaction.atomic():
        if not type(row).objects.filter(pk=row.pk, state=was).update(state=to):
            raise Stale(f"{row.pk} is no longer {was}")
        log(person, row, f"{State(to).label}.")


def note(person: Any, row: Row, *, was: str, text: str) -> None:
    """Write the note that only support reads. `was` is the `mark` of what it said. Raises Stale where it has changed
    since."""
    with transaction.atomic():
        _only_where(type(row), row.pk, "note", was)
        type(row).objects.filter(pk=row.pk).update(note=text)
        log(person, row, "Changed the note.")


def answer(person: Any, request: SupportRequest, *, was: str, text: str, to: str) -> bool:
    """Answer the member, who reads it on the page and by mail; return whether a mail went out. `was` is the `mark`
    of the answer before. Raises Stale where somebody else has answered since."""
    if to not in (State.SOLVED, State.WAITING):
        raise ValueError(to)
    with transaction.atomic():
        _only_where(SupportRequest, request.pk, "answer", was)
        SupportRequest.objects.filter(pk=request.pk).update(
            answer=text, answered_at=Now(), answered_by=person, state=to, mailed_at=None
        )
        log(person, request, f"Answered. {State(to).label}.")
        about = request.failure.group_name if request.failure else request.get_kind_display().lower()
        record(request.organization_id, person, "support.answered", about)
    request.refresh_from_db()
    return _mail(request)


def mark(text: str) -> str:
    """A short mark of a text, by which a form tells what it was made for."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _only_where(model: type[Row], pk: Any, column: str, was: str) -> None:
    row = model.objects.select_for_update().filter(pk=pk).first()
    if row is None or mark(getattr(row, column)) != was:
        raise Stale(f"the {column} of {pk} has changed")


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


def _mail(request: SupportRequest) -> bool:
    person = request.user
    belongs = person is not None and person.is_active and person.memberships.filter(organization=request.organization)
    if not belongs or not belongs.exists() or person is None:
        return False  # whoever left the organization learns nothing more of it
    context = {
        "asked": request,
        "waits": request.state == State.WAITING,
        "link": f"{settings.PORTAL_PUBLIC_URL}{reverse('portal:support', args=[request.organization.slug])}",
    }
    sent = mail.send("support_answer", person.email, context)
    if sent:
        SupportRequest.objects.filter(pk=request.pk).update(mailed_at=Now())
    return sent
