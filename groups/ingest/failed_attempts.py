"""Counting attempts that failed, for charts and warnings. No name is kept."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from groups.models import FailedAttempt, Image
from registries.providers.recognise import recognise

KEPT = timedelta(days=30)
"""How far back charts may look."""


def note(image: Image, code: str, step: str, *, final: bool) -> None:
    """Count an attempt that failed. Called in the transaction that settles it."""
    kind = image.provider or recognise(image.registry).kind
    FailedAttempt.objects.create(organization_id=image.organization_id, kind=kind, code=code, step=step, final=final)


def forget_old() -> int:
    """Delete rows older than `KEPT`; return how many."""
    return FailedAttempt.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]
