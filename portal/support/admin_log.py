"""Entries of Django's admin log for what support did."""

from __future__ import annotations

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType

from groups.models import Failure
from portal.models import SupportRequest
from portal.support.targets import nameless
from registries.foundation.actor import Actor


def log_change(subject: Failure | SupportRequest, change: str, *, by: Actor) -> None:
    """Add an entry without any name that support may not see, in the caller's transaction. Raises ValueError if the
    actor is not a person."""
    person_id = by.person_id
    if person_id is None:
        raise ValueError(f"{by.kind} is no person")
    LogEntry.objects.create(
        user_id=person_id,
        content_type_id=ContentType.objects.get_for_model(type(subject)).pk,
        object_id=str(subject.pk),
        object_repr=nameless(subject),
        action_flag=CHANGE,
        change_message=change,
    )
