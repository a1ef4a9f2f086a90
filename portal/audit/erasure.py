"""Erasing the text of an activity (names, addresses, details), if the law requires it or somebody typed a secret.

The row itself stays, so the chain still proves what kind of action was done, when, and by what kind of actor.
"""

from __future__ import annotations

from django.db import transaction

from portal.models import Activity, ActivityText
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor
from registries.foundation.refusal import Refusal

ERASED = "activity.erased"


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
        record(
            by,
            ERASED,
            Target("activity", row.number, f"row {row.number}"),
            organization_id=row.organization_id,
            detail=reason,
        )
