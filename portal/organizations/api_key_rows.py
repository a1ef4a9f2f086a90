"""The rows of API keys: making, sealing, ending and handing over, inside the transaction of an action.

A key gives nobody more than its owner has: it works as long as its owner is an owner of the organization, whose role
may create keys. Keys without an owner are those of earlier releases whose creator had left; an owner takes them over or
revokes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from portal.models import ApiKey, Membership, Role
from portal.organizations.permissions import PAGES
from registries.foundation.activity import Value
from registries.foundation.ids import OrganizationId, ProjectId, UserId
from registries.secrets import one_time
from registries.secrets.one_time import Purpose

KEY_PREFIX = "drayage_"
SHOWN_CHARACTERS = len(KEY_PREFIX) + 6
"""How much of a key's beginning is stored, so that people can tell keys apart."""
FORMAT = "2"
"""Of the seal. The first one covered neither owner nor project."""
KEY_ROLE = PAGES["portal:api_key_create"]
"""The lowest role that may hold a key."""
_ROLES = [role.value for role in Role if role.rank >= KEY_ROLE.rank]

HELD_RIGHTLY = Q(owner__isnull=True) | Q(owner__is_active=True) & Exists(
    Membership.objects.filter(user=OuterRef("owner"), organization=OuterRef("organization"), role__in=_ROLES)
)
"""Whether the owner of a key still has the role that keys need. Keys without an owner are the organization's."""


@dataclass(frozen=True, kw_only=True)
class NewKey:
    """What a new key gives, to whom and until when."""

    organization_id: OrganizationId
    name: str
    scope: str
    project_id: ProjectId | None
    owner_id: UserId | None
    created_by_id: UserId | None
    expires_at: datetime | None


def insert(new: NewKey) -> tuple[ApiKey, str]:
    """Store a new key; return it with its text."""
    key = one_time.new(KEY_PREFIX)
    row = ApiKey(
        organization_id=new.organization_id,
        name=new.name,
        prefix=key[:SHOWN_CHARACTERS],
        key_hash=one_time.digest_of(key, Purpose.API_KEY),
        scope=new.scope,
        project_id=new.project_id,
        owner_id=new.owner_id,
        created_by_id=new.created_by_id,
        expires_at=new.expires_at,
    )
    row.seal = seal_of(row)
    row.save(force_insert=True)
    return row, key


def end(row: ApiKey) -> bool:
    """Revoke a key. Returns whether it was live. Its seal goes too: whoever removes the date in the database doesn't
    bring it back."""
    return bool(ApiKey.objects.live().filter(pk=row.pk).update(revoked_at=Now(), seal=""))


def hand_over(row: ApiKey, owner_id: UserId) -> bool:
    """Make somebody the owner of a live key, and seal it for them. Returns whether it was live and unaltered."""
    if not is_sealed(row):
        return False
    before, row.owner_id = row.seal, owner_id
    row.seal = seal_of(row)
    live = ApiKey.objects.live().filter(pk=row.pk, seal=before)
    return bool(live.update(owner=owner_id, seal=row.seal))


def sealed_columns(row: ApiKey) -> tuple[str, ...]:
    """Return the columns that the seal of a key covers: what it gives access to, whose it is, and until which second.
    Less than that is lost in a dump of Django's."""
    return (FORMAT, *earlier_columns(row), str(row.owner_id or ""), str(row.project_id or ""))


def earlier_columns(row: ApiKey) -> tuple[str, ...]:
    """Return the columns that a seal of the first format covers."""
    until = row.expires_at.astimezone(UTC).isoformat(timespec="seconds") if row.expires_at else ""
    return str(row.pk), str(row.organization_id), row.scope, until


def seal_of(row: ApiKey) -> str:
    """Return the seal of a key as it is."""
    return one_time.seal_of(row.key_hash, Purpose.API_KEY, *sealed_columns(row))


def is_sealed(row: ApiKey) -> bool:
    """Whether only the portal has changed what the seal covers."""
    return one_time.is_sealed(row.seal, row.key_hash, Purpose.API_KEY, *sealed_columns(row))


def identity_of(row: ApiKey) -> dict[str, Value]:
    """Return which key it is, where it has the name of another. The prefix is on the page of keys and is no secret."""
    return {"key": str(row.pk), "prefix": row.prefix}


def settings_of(row: ApiKey) -> dict[str, Value]:
    """Return what the activity says that a key gives."""
    expires_at = row.expires_at.isoformat() if row.expires_at else None
    settings: dict[str, Value] = {"scope": row.scope, "expires_at": expires_at}
    return settings | ({"project": row.project.slug} if row.project is not None else {})
