"""The database that tests start from, migrated once and copied afterwards: all migrations together take seconds.

It is kept by a digest of the migrations, so a changed one is run again. That migrations work is tested by
`tests.test_upgrade` and `tests.portal.test_migrations`. What PostgreSQL does otherwise is in `postgresql_copies`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from pathlib import Path

from django.apps import apps
from django.db import connection

from tests.support import postgresql_copies

_clean: list[sqlite3.Connection] = []
"""The test database of this process as it was after the migrations, in memory."""


def copy_of_migrated(folder: Path) -> bool:
    """Copy the kept database to where the test database is to be. Returns False where none is kept: then it is to be
    migrated, and `keep_migrated` called."""
    if connection.vendor == "postgresql":
        return postgresql_copies.copy_of_migrated(_digest())
    kept = _kept(folder)
    if not kept.exists():
        return False
    shutil.copyfile(kept, connection.settings_dict["TEST"]["NAME"])
    return True


def keep_migrated(folder: Path) -> None:
    """Keep a copy of the test database as it is now, in place of those of other migrations."""
    if connection.vendor == "postgresql":
        postgresql_copies.keep_migrated(_digest())
        return
    kept = _kept(folder)
    draft = kept.with_suffix(f".{os.getpid()}")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(draft)])
    for other in folder.glob("*.sqlite3"):
        other.unlink(missing_ok=True)
    draft.replace(kept)


def remember_clean() -> None:
    """Remember what the test database holds now, for `restore_clean`."""
    if connection.vendor == "postgresql":
        postgresql_copies.remember_clean()
        return
    connection.ensure_connection()
    copy = sqlite3.connect(":memory:", check_same_thread=False)
    connection.connection.backup(copy)
    _clean[:] = [copy]


def restore_clean() -> None:
    """Put back what was remembered: faster than emptying all tables, and it keeps what migrations have written."""
    if connection.vendor == "postgresql":
        postgresql_copies.restore_clean()
        return
    connection.ensure_connection()
    _clean[0].backup(connection.connection)


def discard() -> None:
    """Remove the test database at the end. The folder that SQLite's file is in goes by itself."""
    if connection.vendor == "postgresql":
        postgresql_copies.discard()


def _kept(folder: Path) -> Path:
    return folder / f"{_digest()}.sqlite3"


def _digest() -> str:
    digest = hashlib.sha256()
    for app in sorted(apps.get_app_configs(), key=lambda app: app.label):
        for migration in sorted((Path(app.path) / "migrations").glob("*.py")):
            digest.update(f"{app.label} {migration.name}\n".encode())
            digest.update(migration.read_bytes())
    return digest.hexdigest()
