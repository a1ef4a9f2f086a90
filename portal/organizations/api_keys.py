"""Actions on API keys: create, rotate, revoke; and looking a key up.

A key's text is shown once, when it is created. Who may create one is in `portal.organizations.permissions`; what it
gives access to is in `portal.api`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from groups.rules import quotas
from portal.models import ApiKey
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor
from registries.foundation.clock import database_now
from registries.foundation.ids import OrganizationId, UserId
from registries.foundation.refusal import Refusal
from registries.secrets import one_time
from registries.secrets.one_time import Purpose

KEY_PREFIX = "drayage_"
SHOWN_CHARACTERS = len(KEY_PREFIX) + 6
"""How much of a key's beginning is stored, so that people can tell keys apart."""
MAX_LIVE_KEYS = 100
USE_RECORDED_EVERY = timedelta(minutes=1)

log = structlog.get_logger(__name__)


class KeyRefused(Refusal):
    """The key can't be created, or is no longer live."""

    code = "key_refused"
    title = "This key can't be created"


def listed_keys(organization_id: OrganizationId, *, max_ended: int) -> list[ApiKey]:
    """All live keys, then the newest `max_ended` that were revoked or have expired."""
    rows = ApiKey.objects.filter(organization_id=organization_id).select_related("created_by").with_is_live()
    return [*rows.live(), *rows.ended()[:max_ended]]


def expiry_after(days: int | None) -> datetime | None:
    """When a key that works for this number of days expires; None, for never, if there is no number."""
    return database_now() + timedelta(days=days) if days else None


def create_key(
    *, organization_id: OrganizationId, name: str, scope: str, expires_at: datetime | None = None, by: Actor
) -> tuple[ApiKey, str]:
    """Create a key; return it with its text, which is not stored. Raises KeyRefused if the organization has
    MAX_LIVE_KEYS."""
    with transaction.atomic():
        quotas.lock_organization(organization_id)
        row, key = _insert(organization_id, name, scope, expires_at, by.person_id)
        record(
            by,
            "key.created",
            Target("api_key", row.pk, name),
            organization_id=organization_id,
            detail=scope,
            after=_settings_of(row),
        )
    return row, key


def rotate(row: ApiKey, *, by: Actor) -> tuple[ApiKey, str]:
    """Replace a key with a new one that has its name, scope and expiry; the old one is revoked. Returns the new key and
    its text. Raises KeyRefused if the key is no longer live."""
    with transaction.atomic():
        quotas.lock_organization(row.organization_id)
        if not _end(row):
            raise KeyRefused(f"{row.name} is already revoked or expired. Create a new key.")
        if not _is_sealed(row):
            raise KeyRefused(f"{row.name} was changed outside the portal. Revoke it and create a new key.")
        new, key = _insert(row.organization_id, row.name, row.scope, row.expires_at, by.person_id)
        record(
            by,
            "key.rotated",
            Target("api_key", new.pk, new.name),
            organization_id=new.organization_id,
            before=_identity_of(row),
            after=_settings_of(new) | _identity_of(new),
        )
    return new, key


def revoke(row: ApiKey, *, by: Actor) -> bool:
    """Revoke a key. Returns whether it was live."""
    with transaction.atomic():
        if not _end(row):
            return False
        record(by, "key.revoked", Target("api_key", row.pk, row.name), organization_id=row.organization_id)
    return True


def find_live_key(key: str) -> ApiKey | None:
    """Return the live key with this text, its organization and quota loaded, and record its use; None for any other
    text, and for a key that was changed outside the portal."""
    if not one_time.has_form(key, KEY_PREFIX):
        return None
    to_record = Q(last_used_at__isnull=True) | Q(last_used_at__lt=Now() - USE_RECORDED_EVERY)
    rows = ApiKey.objects.live().select_related("organization__quota").annotate(to_record=to_record)
    row = rows.filter(key_hash=one_time.digest_of(key, Purpose.API_KEY)).first()
    if row is not None and not _is_sealed(row):
        log.error("api_key_altered", key=str(row.pk))
        return None
    if row is not None and row.to_record:  # type: ignore[attr-defined]
        ApiKey.objects.filter(to_record, pk=row.pk).update(last_used_at=Now())
    return row


def sealed_columns(row: ApiKey) -> tuple[str, ...]:
    """Return the columns that the seal of a key covers: what it gives access to, and until which second. Less than that
    is lost in a dump of Django's."""
    until = row.expires_at.astimezone(UTC).isoformat(timespec="seconds") if row.expires_at else ""
    return str(row.pk), str(row.organization_id), row.scope, until


def _insert(
    organization_id: OrganizationId, name: str, scope: str, expires_at: datetime | None, created_by_id: UserId | None
) -> tuple[ApiKey, str]:
    """The organization is locked: of two requests at once, the second counts the first one's key."""
    if ApiKey.objects.live().filter(organization_id=organization_id).count() >= MAX_LIVE_KEYS:
        raise KeyRefused(f"An organization has at most {MAX_LIVE_KEYS} keys that work. Revoke one first.")
    key = one_time.new(KEY_PREFIX)
    row = ApiKey(
        organization_id=organization_id,
        name=name,
        prefix=key[:SHOWN_CHARACTERS],
        key_hash=one_time.digest_of(key, Purpose.API_KEY),
        scope=scope,
        created_by_id=created_by_id,
        expires_at=expires_at,
    )
    row.seal = one_time.seal_of(row.key_hash, Purpose.API_KEY, *sealed_columns(row))
    row.save(force_insert=True)
    return row, key


def _is_sealed(row: ApiKey) -> bool:
    return one_time.is_sealed(row.seal, row.key_hash, Purpose.API_KEY, *sealed_columns(row))


def _end(row: ApiKey) -> bool:
    return bool(ApiKey.objects.live().filter(pk=row.pk).update(revoked_at=Now()))


def _identity_of(row: ApiKey) -> dict[str, str | None]:
    """Which key it is, when it has the name of another. The prefix is on the page of keys and is no secret."""
    return {"key": str(row.pk), "prefix": row.prefix}


def _settings_of(row: ApiKey) -> dict[str, str | None]:
    return {"scope": row.scope, "expires_at": row.expires_at.isoformat() if row.expires_at else None}
