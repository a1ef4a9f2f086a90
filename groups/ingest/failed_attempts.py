"""Counts of failed attempts, for charts and warnings. No names are kept."""

from __future__ import annotations

from datetime import timedelta

from django.db.models.functions import Now

from groups.models import FailedAttempt, Image
from registries.providers.recognise import recognise

MAX_AGE = timedelta(days=30)
"""Older rows are deleted; charts can't go back further."""


def add(image: Image, code: str, step: str, *, final: bool) -> None:
    """Count an attempt that failed. Called in the transaction that settles it."""
    kind = image.provider or recognise(image.registry).kind
    FailedAttempt.objects.create(organization_id=image.organization_id, kind=kind, code=code, step=step, final=final)


def delete_old() -> int:
    """Delete rows older than `MAX_AGE`; return how many there were."""
    return FailedAttempt.objects.filter(created_at__lt=Now() - MAX_AGE).delete()[0]
