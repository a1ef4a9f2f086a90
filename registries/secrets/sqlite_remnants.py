"""What SQLite keeps of a value that was overwritten, and how it goes.

Emptying a column is not the end of its bytes: they may stay in pages that are free now, and in the write-ahead log
until it is written over. `secure_delete` (`portal.config.env`) has SQLite overwrite the first; `clear` moves the log
into the database and empties it. PostgreSQL keeps old versions of a row until its vacuum comes round, and its own log
for as long as it was told to; nothing can be done about that from here.
"""

from __future__ import annotations

import structlog
from django.db import Error as DatabaseFailed
from django.db import connection

PATIENCE_MILLISECONDS = 250
"""Whoever still reads an older state keeps the log from being emptied. Writers wait while we do."""

log = structlog.get_logger(__name__)


def clear() -> bool:
    """Leave nothing in the log of what has been committed. Returns False where somebody was in the way; then it is
    `groups.sweep` that tries again. For outside of transactions: inside of one there is nothing to clear yet."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        return True
    try:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout")
            (usual,) = cursor.fetchone()
            cursor.execute(f"PRAGMA busy_timeout = {PATIENCE_MILLISECONDS}")
            try:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                (busy, _, _) = cursor.fetchone()
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {int(usual)}")
    except DatabaseFailed as error:
        log.warning("remains_stay", error=type(error).__name__)
        return False
    return not busy
