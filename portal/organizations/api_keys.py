"""Actions on API keys: create, rotate, take over, revoke; and looking a key up.

A key's text is shown once, when it is created. Who may create one is in `portal.organizations.permissions`; what it
gives access to is in `portal.api`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from groups.rules import quotas
from portal.accounts.notices import send_notice
from portal.models import ApiKey
from portal.organizations.api_key_rows import (
    HELD_RIGHTLY,
    KEY_PREFIX,
    NewKey,
    end,
    hand_over,
    identity_of,
    insert,
    is_sealed,
    settings_of,
)
from portal.organizations.rules import is_owner, require_owner
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor, ActorKind
from registries.foundation.clock import database_now
from registries.foundation.ids import OrganizationId, ProjectId, UserId
from registries.foundation.refusal import Refusal
from registries.secrets import one_time
from registries.secrets.one_time import Purpose

MAX_LIVE_KEYS = 100
DEFAULT_DAYS = 90
MAX_DAYS = 365
"""A key works that long at most, unless it was explicitly created without an end."""
USE_RECORDED_EVERY = timedelta(minutes=1)

log = structlog.get_logger(__name__)


class KeyRefused(Refusal):
    """The key can't be created, or is no longer live."""

    code = "key_refused"
    title = "This key can't be created"


def listed_keys(organization_id: OrganizationId, *, max_ended: int) -> list[ApiKey]:
    """Return all live keys, then the newest `max_ended` that were revoked or have expired. `is_held` says whether the
    owner of a key may have it."""
    rows = ApiKey.objects.filter(organization_id=organization_id).select_related("created_by", "owner", "project")
    rows = rows.with_is_live().annotate(is_held=HELD_RIGHTLY)
    return [*rows.live(), *rows.ended()[:max_ended]]


def expiry_after(days: int | None) -> datetime | None:
    """Return when a key that works for this number of days expires; None, for never, if there is no number."""
    return database_now() + timedelta(days=days) if days else None


def create_key(
    *,
    organization_id: OrganizationId,
    name: str,
    scope: str,
    project_id: ProjectId | None = None,
    owner_id: UserId | None = None,
    expires_at: datetime | None = None,
    by: Actor,
) -> tuple[ApiKey, str]:
    """Create a key; return it with its text, which is not stored. Its owner is whoever creates it, or `owner_id` where
    no member does. Without `project_id` it is for all projects, without `expires_at` it never ends. Raises KeyRefused
    if the organization has MAX_LIVE_KEYS, or the key would work for more than MAX_DAYS, and NoLongerOwner."""
    with transaction.atomic():
        quotas.lock_organization(organization_id)
        require_owner(by, organization_id)
        if expires_at is not None and expires_at > database_now() + timedelta(days=MAX_DAYS, minutes=1):
            raise KeyRefused(f"A key works for at most {MAX_DAYS} days. Choose an earlier day, or no expiry.")
        row, key = _insert(
            NewKey(
                organization_id=organization_id,
                name=name,
                scope=scope,
                project_id=project_id,
                owner_id=_person(by) or owner_id,
                created_by_id=by.person_id,
                expires_at=expires_at,
            )
        )
        record(
            by,
            "key.created",
            Target("api_key", row.pk, name),
            organization_id=organization_id,
            detail=scope,
            after=settings_of(row),
        )
        _notify(row, "api_key_created", by=by)
    return row, key


def rotate(row: ApiKey, *, by: Actor) -> tuple[ApiKey, str]:
    """Replace a key with a new one that has its name, scope and expiry, and belongs to whoever rotates it; the old one
    is revoked. Returns the new key and its text. Raises KeyRefused if the key is no longer live, and NoLongerOwner."""
    with transaction.atomic():
        quotas.lock_organization(row.organization_id)
        require_owner(by, row.organization_id)
        if not end(row):
            raise KeyRefused(f"{row.name} is already revoked or expired. Create a new key.")
        if not is_sealed(row):
            raise KeyRefused(f"{row.name} was changed outside the portal. Revoke it and create a new key.")
        new, key = _insert(
            NewKey(
                organization_id=row.organization_id,
                name=row.name,
                scope=row.scope,
                project_id=row.project_id,
                owner_id=_person(by) or row.owner_id,
                created_by_id=by.person_id,
                expires_at=row.expires_at,
            )
        )
        record(
            by,
            "key.rotated",
            Target("api_key", new.pk, new.name),
            organization_id=new.organization_id,
            before=identity_of(row),
            after=settings_of(new) | identity_of(new),
        )
        _notify(new, "api_key_rotated", by=by)
    return new, key


def take_over(row: ApiKey, *, by: Actor) -> bool:
    """Make the owner who acts the owner of a key. Returns whether it was another's or nobody's. Raises KeyRefused if it
    is no longer live or was altered, and NoLongerOwner."""
    with transaction.atomic():
        quotas.lock_organization(row.organization_id)
        require_owner(by, row.organization_id)
        current = ApiKey.objects.live().select_related("owner").filter(pk=row.pk).first()
        if current is None:
            raise KeyRefused(f"{row.name} is already revoked or expired. Create a new key.")
        before, person_id = current.owner, _person(by)
        if person_id is None or current.owner_id == person_id:
            return False
        if not hand_over(current, person_id):
            raise KeyRefused(f"{row.name} was changed outside the portal. Revoke it and create a new key.")
        record(
            by,
            "key.taken_over",
            Target("api_key", current.pk, current.name),
            organization_id=current.organization_id,
            before={"owner": before.email if before is not None else None},
            after={"owner": by.name},
        )
    return True


def revoke(row: ApiKey, *, by: Actor) -> bool:
    """Revoke a key. Returns whether it was live."""
    with transaction.atomic():
        if not end(row):
            return False
        record(by, "key.revoked", Target("api_key", row.pk, row.name), organization_id=row.organization_id)
    return True


def find_live_key(key: str, *, address: str = "") -> ApiKey | None:
    """Return the live key with this text, its organization, quota and project loaded, and record its use from this
    address. None for any other text, for a key that was changed outside the portal, and for one whose owner may not
    have it any more."""
    if not one_time.has_form(key, KEY_PREFIX):
        return None
    to_record = Q(last_used_at__isnull=True) | Q(last_used_at__lt=Now() - USE_RECORDED_EVERY)
    rows = ApiKey.objects.live().select_related("organization__quota", "project", "owner")
    rows = rows.annotate(to_record=to_record, is_held=HELD_RIGHTLY)
    row = rows.filter(key_hash=one_time.digest_of(key, Purpose.API_KEY)).first()
    if row is None or not row.is_held:  # type: ignore[attr-defined]
        return None
    if not is_sealed(row) or (row.owner is not None and not row.owner.is_unaltered):
        log.error("api_key_altered", key=str(row.pk))
        return None
    if row.to_record:  # type: ignore[attr-defined]
        ApiKey.objects.filter(to_record, pk=row.pk).update(last_used_at=Now(), last_used_from=address or None)
    return row


def _insert(new: NewKey) -> tuple[ApiKey, str]:
    """Store a key of an organization that is locked, if it may have one more: of two requests at once, the second
    counts the first one's key. Raises KeyRefused."""
    if new.owner_id is not None and not is_owner(new.owner_id, new.organization_id):
        raise KeyRefused("A key belongs to an owner of the organization.")
    if ApiKey.objects.live().filter(organization_id=new.organization_id).count() >= MAX_LIVE_KEYS:
        raise KeyRefused(f"An organization has at most {MAX_LIVE_KEYS} keys that work. Revoke one first.")
    return insert(new)


def _notify(row: ApiKey, notice: str, *, by: Actor) -> None:
    """Mail the owner of a new key, who notices so if it was somebody else in their place."""
    if row.owner is not None:
        details = {"key": row.name, "organization": row.organization.name, "scope": row.scope}
        send_notice(row.owner, notice, by=by, details=details)


def _person(by: Actor) -> UserId | None:
    """The member who acts; None for the console and operators, who own no keys."""
    return by.person_id if by.kind == ActorKind.PERSON else None
