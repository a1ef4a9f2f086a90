"""Erasing the text of an activity (names, addresses, details), if the law requires it or somebody typed a secret.

The row itself stays, so the chain still proves what kind of action was done, when, and by what kind of actor.
"""

from __future__ import annotations

from django.contrib.admin.models import LogEntry
from django.db import transaction

from portal.models import Activity, ActivityText
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor
from registries.foundation.ids import OrganizationId
from registries.foundation.refusal import Refusal

ERASED = "activity.erased"
_ADMIN_LOG = {"credential": ("registries", "credential")}
"""Models whose rows' names are in Django's log of the admin, by kind of target."""


class NothingToErase(Refusal):
    """The row's text was erased before, or the row records an erasure."""

    code = "nothing_to_erase"
    title = "Nothing to erase"


def erase_text(row: Activity, *, reason: str, by: Actor) -> None:
    """Delete the text of a row, and record that with the row's number and the reason. Raises NothingToErase.

    The organization's members read `reason` (at most 300 characters): it must not repeat what is erased.
    """
    with transaction.atomic():
        if row.action == ERASED or not ActivityText.objects.filter(pk=row.pk).delete()[0]:
            raise NothingToErase(f"Row {row.number} has no text that could be erased.")
        _record_erased(row, reason=reason, by=by)


def erase_texts_of(target: Target, *, organization_id: OrganizationId, reason: str, by: Actor) -> int:
    """Delete the text of each row about `target`, also from Django's log of the admin, and record each erasure, within
    the transaction of an action. Returns how many rows lost their text."""
    if target.kind in _ADMIN_LOG:
        app, model = _ADMIN_LOG[target.kind]
        entries = LogEntry.objects.filter(content_type__app_label=app, content_type__model=model)
        entries.filter(object_id=str(target.id)).update(object_repr=f"{target.kind} {target.id}")
    rows = Activity.objects.filter(organization=organization_id, target_kind=target.kind, target_key=str(target.id))
    erased = list(rows.filter(text__isnull=False, text__target_name__gt="").order_by("number"))
    ActivityText.objects.filter(pk__in=[row.pk for row in erased]).delete()
    for row in erased:
        _record_erased(row, reason=reason, by=by)
    return len(erased)


def _record_erased(row: Activity, *, reason: str, by: Actor) -> None:
    record(
        by,
        ERASED,
        Target("activity", row.number, f"row {row.number}"),
        organization_id=row.organization_id,
        detail=reason,
    )
