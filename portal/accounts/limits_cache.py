"""The cache in the database that counts for the limits of signing in (`CACHES`).

The table is Django's, but its values are JSON. Django pickles them, and unpickling runs what a row says: whoever could
write to the database would run code in the web zone at the next sign-in. A row that is not JSON counts as missing.

Keys begin with `FORMAT`, so that processes of the previous version and of this one don't read each other's rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.core.cache.backends.db import DatabaseCache
from django.db import DatabaseError, connections, router, transaction
from django.utils import timezone

FORMAT = "json"
MAX_VALUE_LENGTH = 65_536
MAX_ENTRIES = 50_000
"""Above it Django deletes entries by the order of their keys. Its own number, 300, lets a stranger clear the counters
of others with a few hundred failed sign-ins."""


class LimitsCache(DatabaseCache):
    """Django's cache in a database table, for values that JSON has: numbers, texts, lists and objects of them."""

    _table: str
    _max_entries: int
    _cull: Callable[..., None]

    def __init__(self, table: str, params: dict[str, object]) -> None:
        given = params.get("OPTIONS")
        options = {"MAX_ENTRIES": MAX_ENTRIES, **(given if isinstance(given, dict) else {})}
        super().__init__(table, {"KEY_PREFIX": FORMAT, **params, "OPTIONS": options})

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        """Return the values of those keys that have one."""
        names = {self.make_and_validate_key(key, version=version): key for key in keys}
        if not names:
            return {}
        connection = connections[router.db_for_read(self.cache_model_class)]
        places = ", ".join(["%s"] * len(names))
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT cache_key, value FROM {connection.ops.quote_name(self._table)}"  # noqa: S608 (our own name)
                f" WHERE cache_key IN ({places}) AND expires >= %s AND length(value) <= %s",
                [*names, connection.ops.adapt_datetimefield_value(timezone.now()), MAX_VALUE_LENGTH],
            )
            rows = cursor.fetchall()
        return {names[name]: found["value"] for name, text in rows if (found := _read(text)) is not None}

    def _base_set(self, mode: str, key: str, value: object, timeout: float | None = None) -> bool:
        """Store a value; called by `set`, `add` and `touch`. Returns whether it was stored."""
        ends = self.get_backend_timeout(timeout)
        expires = datetime.max.replace(tzinfo=UTC) if ends is None else datetime.fromtimestamp(ends, tz=UTC)
        db = router.db_for_write(self.cache_model_class)
        connection = connections[db]
        table = connection.ops.quote_name(self._table)
        until, now = (connection.ops.adapt_datetimefield_value(moment) for moment in (expires, timezone.now()))
        try:
            with transaction.atomic(using=db), connection.cursor() as cursor:
                if mode == "touch":
                    cursor.execute(f"UPDATE {table} SET expires = %s WHERE cache_key = %s", [until, key])  # noqa: S608
                    return bool(cursor.rowcount)
                cursor.execute(f"SELECT COUNT(*) FROM {table}")  # noqa: S608
                count = cursor.fetchone()[0]
                if count > self._max_entries:
                    self._cull(db, cursor, timezone.now().replace(microsecond=0), count)
                only = f" WHERE {table}.expires < %s" if mode == "add" else ""
                cursor.execute(
                    f"INSERT INTO {table} (cache_key, value, expires) VALUES (%s, %s, %s) ON CONFLICT (cache_key)"  # noqa: S608
                    f" DO UPDATE SET value = excluded.value, expires = excluded.expires{only}",
                    [key, json.dumps({"value": value}), until, *([now] if only else [])],
                )
                return bool(cursor.rowcount > 0)
        except DatabaseError:  # as in Django's: a counter that can't be stored is missing
            return False


def _read(text: str) -> Mapping[str, object] | None:
    """Return the object in which a value is stored; None for what this cache didn't write."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "value" in found else None
