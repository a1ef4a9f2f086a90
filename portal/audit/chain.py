"""Appending to the activity, with hashes that show whether it was changed.

Each organization has a chain of its own; the portal has one for what concerns no organization. A row's hash covers the
row, the digest of its text and the hash of the row before it, so that a changed, missing, added or reordered row breaks
every later hash. Somebody who can write the whole database could compute a new chain: keep the heads that
`manage.py verify_activity` prints somewhere else, and pass them to the next run.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC
from itertools import islice
from typing import TypeVar

from django.db import connection

from portal.models import Activity, ActivityHead, ActivityText
from registries.foundation.activity import ActivityEntry, Value
from registries.foundation.clock import database_now
from registries.foundation.ids import OrganizationId

T = TypeVar("T")

PORTAL_CHAIN = "portal"
FORMAT = 1
"""Version of what a hash covers; it is the first thing in it."""
MAX_SETTINGS = 100
MAX_SETTING_LENGTH = 300
TEXT_FIELDS = ("actor_name", "client_address", "target_name", "detail", "link", "before", "after")


def append(entry: ActivityEntry) -> None:
    """Add a row to the chain of the entry's organization. Locks the chain until the transaction ends.

    Names and details that are too long for their column are shortened with an ellipsis, and so are the values in
    `before` and `after`, of which at most `MAX_SETTINGS` are kept.
    """
    _check_foreign_keys()
    head = _lock_head(chain_of(entry.organization_id))
    text = ActivityText(
        salt=secrets.token_hex(16),
        actor_name=_shorten(entry.by.name, "actor_name"),
        client_address=entry.by.address,
        target_name=_shorten(entry.target.name, "target_name"),
        detail=_shorten(entry.detail, "detail"),
        before=_storable_settings(entry.before),
        after=_storable_settings(entry.after),
    )
    row = Activity(
        organization_id=entry.organization_id,
        number=head.number + 1,
        created_at=database_now(),  # asked once the chain is locked, so that a later row has a later time
        action=entry.action,
        actor_kind=entry.by.kind,
        actor_key=entry.by.id,
        target_kind=entry.target.kind,
        target_key=str(entry.target.id),
        request_id=entry.by.request_id,
        digest=digest_of(text),
        previous=head.hash,
    )
    row.hash = hash_of(row)
    row.save(force_insert=True)
    text.activity = row
    text.save(force_insert=True)
    ActivityHead.objects.filter(pk=head.pk).update(number=row.number, hash=row.hash)


def chain_of(organization_id: OrganizationId | None) -> str:
    """Return the name of an organization's chain; None is the portal's."""
    return PORTAL_CHAIN if organization_id is None else str(organization_id)


def digest_of(text: ActivityText) -> str:
    """Return the SHA-256 of the text with its salt, in hexadecimal."""
    return _sha256([FORMAT, text.salt, *(getattr(text, name) for name in TEXT_FIELDS)])


def hash_of(row: Activity) -> str:
    """Return the SHA-256 of the row, which includes the hash of the row before it, in hexadecimal."""
    return _sha256(
        [
            FORMAT,
            row.organization_id,
            row.number,
            row.created_at.astimezone(UTC).isoformat(timespec="microseconds"),
            row.action,
            str(row.actor_kind),
            row.actor_key,
            row.target_kind,
            row.target_key,
            row.request_id,
            row.digest,
            row.previous,
        ]
    )


def _sha256(values: list[object]) -> str:
    canonical = json.dumps(values, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _check_foreign_keys() -> None:
    """Take the locks of all foreign keys now. PostgreSQL takes them at the end of the transaction otherwise, after the
    lock of the chain, and two actions could wait for each other."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


def _lock_head(chain: str) -> ActivityHead:
    heads = ActivityHead.objects.select_for_update().filter(pk=chain)
    head = heads.first()
    if head is None:
        ActivityHead.objects.bulk_create([ActivityHead(pk=chain)], ignore_conflicts=True)
        head = heads.get()
    return head


def _shorten(text: str, field: str) -> str:
    longest: int = getattr(ActivityText._meta.get_field(field), "max_length")  # noqa: B009 (a column with a length)
    return _cut(text, longest)


def _cut(text: str, longest: int) -> str:
    text = _storable(text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _storable(text: str) -> str:
    """The text without what PostgreSQL can't store: NUL, and unpaired surrogates, which JSON can contain."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _storable_settings(settings: Mapping[str, Value]) -> dict[str, Value]:
    return {_cut(name, MAX_SETTING_LENGTH): _setting(value) for name, value in _first(settings.items())}


def _setting(value: Value) -> Value:
    if isinstance(value, str):
        return _cut(value, MAX_SETTING_LENGTH)
    return [_cut(item, MAX_SETTING_LENGTH) for item in _first(value)] if isinstance(value, list) else value


def _first(items: Iterable[T]) -> Iterable[T]:
    return islice(items, MAX_SETTINGS)
