"""What support does to a case at the desk: view it, mark it seen, move it, write its note.

Two people of support may have one case open. A state changes only from the one that was seen, and a note only if it is
unchanged since; otherwise `Stale` is raised and nothing is written. Answers are part of the conversation
(`portal.support.conversations`).
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from groups.models import Failure
from groups.rules.states import Stale
from portal.models import FailureCase, SupportCase, SupportLook, SupportRequest
from portal.support.admin_log import log_change
from portal.support.targets import failure_target, nameless_target
from registries.foundation.activity import record
from registries.foundation.actor import Actor
from registries.foundation.clock import database_now

State = SupportCase.State
Case = FailureCase | SupportRequest
SAME_VIEW = timedelta(minutes=1)
"""Opening the page again within this time is the same view."""


def log_view(failure: Failure, *, by: Actor, saw_all: bool) -> None:
    """Note that this person opened the failure today. The member sees that, when it was last opened, and whether more
    than code, step, kind of registry and times was shown. Only the first view of a day is recorded."""
    with transaction.atomic():
        now = database_now()
        view, is_first = SupportLook.objects.select_for_update().get_or_create(
            failure=failure, person_id=by.person_id, day=now.date(), defaults={"saw_all": saw_all}
        )
        if is_first:
            record(by, "support.looked", failure_target(failure), organization_id=failure.organization_id)
        elif now - view.last_at > SAME_VIEW or (saw_all and not view.saw_all):
            SupportLook.objects.filter(pk=view.pk).update(last_at=Now(), saw_all=view.saw_all or saw_all)


def mark_seen(case: Case, *, by: Actor) -> None:
    """Move a new case to seen; leave any other as it is."""
    if case.state != State.NEW:
        return
    with transaction.atomic():
        if not _move(case, State.NEW, State.SEEN):
            return
        _record(case, "support.seen", by, {"state": State.NEW}, {"state": State.SEEN})
    case.state = State.SEEN


def move(case: Case, *, by: Actor, was: str, to: str) -> None:
    """Move the case from the state that this person saw. Raises Stale, and ValueError for unknown states."""
    if to == State.NEW or to not in State.values or was not in State.values:
        raise ValueError(f"{was} → {to}")
    if was == to:
        return
    with transaction.atomic():
        if not _move(case, was, to):
            raise Stale(f"{case.pk} is no longer {was}")
        log_change(subject_of(case), f"{State(to).label}.", by=by)
        _record(case, "support.moved", by, {"state": was}, {"state": to})


def note(case: Case, *, by: Actor, was: str, text: str) -> None:
    """Write the note that only support reads. `was` is the `digest_of` the note that this person saw. Raises Stale."""
    with transaction.atomic():
        row = _lock(case)
        if row is None or digest_of(row.note) != was:
            raise Stale(f"the note of {case.pk} has changed")
        if row.note == text:
            return
        _rows(row).update(note=text)
        log_change(subject_of(case), "Changed the note.", by=by)
        _record(case, "support.noted", by, {}, {})


def digest_of(text: str) -> str:
    """16 hexadecimal digits of the text's SHA-256, by which a form names the note that it was filled in for."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def subject_of(case: Case) -> Failure | SupportRequest:
    """What the case is about: the failure, or the request itself."""
    return case.failure if isinstance(case, FailureCase) else case


def _move(case: Case, was: str, to: str) -> bool:
    """Change the state if it is still `was`. Returns whether it was."""
    _ensure(case)
    return bool(_rows(case).filter(state=was).update(state=to))


def _lock(case: Case) -> Case | None:
    _ensure(case)
    return _rows(case).select_for_update().first()


def _rows(case: Case) -> QuerySet[FailureCase] | QuerySet[SupportRequest]:
    if isinstance(case, FailureCase):
        return FailureCase.objects.filter(pk=case.failure_id)
    return SupportRequest.objects.filter(pk=case.pk)


def _ensure(case: Case) -> None:
    """Create the row of a failure: there is none until support sees it, moves it or writes a note."""
    if isinstance(case, FailureCase):
        FailureCase.objects.bulk_create([FailureCase(failure_id=case.pk)], ignore_conflicts=True)


def _record(case: Case, action: str, by: Actor, before: dict[str, str], after: dict[str, str]) -> None:
    """Record in the portal's own activity, which members don't read."""
    record(by, action, nameless_target(subject_of(case)), organization_id=None, before=before, after=after)
