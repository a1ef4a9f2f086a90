"""Removes what SQLite keeps of a value that was overwritten.

The bytes of an emptied column may remain in free pages, and in the write-ahead log until it is overwritten. With
`secure_delete` (`portal.config.database`) SQLite overwrites the pages; `clear` copies the log into the database and
truncates it. PostgreSQL keeps old versions of a row until the next vacuum, and its own log as long as it is configured
to; neither can be changed from here.
"""

from __future__ import annotations

import structlog
from django.db import Error as DatabaseFailed
from django.db import connection

CHECKPOINT_TIMEOUT_MILLISECONDS = 250
"""A reader of an older snapshot keeps the log from being truncated, and writers wait during the attempt."""

log = structlog.get_logger(__name__)


def clear() -> bool:
    """Truncate the write-ahead log, so that it holds nothing of what was committed. Call it outside of transactions;
    inside of one it does nothing.

    Returns False if another connection prevented it; `groups.sweep` then tries again.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        return True
    try:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout")
            (usual,) = cursor.fetchone()
            cursor.execute(f"PRAGMA busy_timeout = {CHECKPOINT_TIMEOUT_MILLISECONDS}")
            try:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                (busy, _, _) = cursor.fetchone()
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {int(usual)}")
    except DatabaseFailed as error:
        log.warning("sqlite_remnants_not_cleared", error=type(error).__name__)
        return False
    return not busy
