"""What can be done to API keys: create, rotate, revoke, and knowing one again. One mutation per function.

A key is shown once, when it is made. Who may make one is `portal.permissions`'s, what it opens `portal.api`'s.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from groups import quotas
from portal.models import ApiKey
from registries.secrets import one_time

KEY_PREFIX = "drayage_"
SHOWN = len(KEY_PREFIX) + 6
MAX_LIVE_KEYS = 100
USE_NOTED_EVERY = timedelta(minutes=1)


class KeyRefused(Exception):
    """The key can't be made, or is not there; `text` says why, and what to do."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def listed_keys(organization_id: Any, *, most_ended: int) -> list[ApiKey]:
    """All keys that still work, then the newest of those that don't."""
    rows = ApiKey.objects.filter(organization_id=organization_id).select_related("created_by")
    return [*rows.live(), *rows.ended()[:most_ended]]


def create_key(
    *, organization_id: Any, name: str, scope: str, expires_at: datetime | None = None, created_by_id: Any = None
) -> tuple[ApiKey, str]:
    """Write a key and return it with its text, which stands nowhere else. Raises KeyRefused where the organization has
    too many."""
    key, digest = one_time.new(KEY_PREFIX)
    with transaction.atomic():
        quotas.lock(organization_id)
        if ApiKey.objects.live().filter(organization_id=organization_id).count() >= MAX_LIVE_KEYS:
            raise KeyRefused(f"An organization has at most {MAX_LIVE_KEYS} keys that work. Revoke one first.")
        row = ApiKey.objects.create(
            organization_id=organization_id,
            name=name,
            prefix=key[:SHOWN],
            key_hash=digest,
            scope=scope,
            created_by_id=created_by_id,
            expires_at=expires_at,
        )
    return row, key


def rotate(row: ApiKey, *, created_by_id: Any = None) -> tuple[ApiKey, str]:
    """Put a new key in the place of this one, with its name, scope and expiry; the old one works no more. Raises
    KeyRefused for one that works no more already."""
    with transaction.atomic():
        if not revoke(row):
            raise KeyRefused(f"{row.name} works no more already. Create a new key.")
        return create_key(
            organization_id=row.organization_id,
            name=row.name,
            scope=row.scope,
            expires_at=row.expires_at,
            created_by_id=created_by_id,
        )


def revoke(row: ApiKey) -> bool:
    """End a key. Returns whether it still worked."""
    return bool(ApiKey.objects.live().filter(pk=row.pk).update(revoked_at=Now()))


def recognise(key: str) -> ApiKey | None:
    """Return the live key of this text with its organization, and note that it was used; None for anything else."""
    if not one_time.has_form(key, KEY_PREFIX):
        return None
    row = ApiKey.objects.live().select_related("organization").filter(key_hash=one_time.digest_of(key)).first()
    if row is not None and (row.last_used_at is None or row.last_used_at < timezone.now() - USE_NOTED_EVERY):
        stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=Now() - USE_NOTED_EVERY)
        ApiKey.objects.filter(stale, pk=row.pk).update(last_used_at=Now())
    return row
