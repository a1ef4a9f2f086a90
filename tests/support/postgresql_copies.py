"""Copies of the migrated database on a PostgreSQL server, and how tests that commit leave theirs as they found it.

The first process migrates; the server copies its database for the others, which wait for it, and for later runs.
"""

from __future__ import annotations

from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.support.activity import without_triggers

KEPT = "drayage_migrated_"
"""What the names of kept databases begin with."""
_LOCK = 5_720_337_018
"""The advisory lock of whoever looks for a kept database, or makes one."""
_CLEAN = "clean"
"""The schema for copies of what the migrations wrote."""
_server: list[BaseDatabaseWrapper] = []
"""The connection that holds the lock, while this process migrates."""


def copy_of_migrated(digest: str) -> bool:
    """Copy the kept database to the test database. Returns False where none is kept: then no other process gets
    beyond this point before `keep_migrated` was called, or this process has ended."""
    server = connection.copy()
    server.settings_dict = server.settings_dict | {"NAME": "postgres"}
    _server.append(server)
    with server.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_kept(digest)])
        if cursor.fetchone() is None:
            return False
        cursor.execute(f"DROP DATABASE IF EXISTS {_test_database()} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {_test_database()} TEMPLATE {_kept(digest)}")
    _let_others_in()
    return True


def keep_migrated(digest: str) -> None:
    """Keep a copy of the test database as it is now, in place of those of other migrations."""
    connection.close()  # a database in use is not copied
    with _server[0].cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [KEPT])
        for (other,) in cursor.fetchall():
            cursor.execute(f"DROP DATABASE {other}")
        cursor.execute(f"CREATE DATABASE {_kept(digest)} TEMPLATE {connection.settings_dict['NAME']}")
    _let_others_in()


def remember_clean() -> None:
    """Copy the tables that hold something to a schema of their own."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {_CLEAN}")
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT EXISTS (SELECT FROM {table})")
            if cursor.fetchone() == (True,):
                cursor.execute(f"CREATE TABLE {_CLEAN}.{table} AS TABLE {table}")


def restore_clean() -> None:
    """Make every table hold what it held then. Most tests write to a few of them, and deleting few rows is much
    faster than truncating all tables."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '20s'")  # a connection that a test left open in a transaction
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [_CLEAN])
        filled = {name for (name,) in cursor.fetchall()}
        changed = [
            _differs(table) if table in filled else f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})"
            for table in connection.introspection.table_names(cursor)
        ]
        cursor.execute(" UNION ALL ".join(changed))
        dirty = [name for (name,) in cursor.fetchall()]
        if not dirty:
            return
        with without_triggers():
            for table in dirty:
                cursor.execute(f"DELETE FROM {table}")
                if table in filled:
                    cursor.execute(f"INSERT INTO {table} TABLE {_CLEAN}.{table}")
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    if filled.intersection(dirty):
        ContentType.objects.clear_cache()


def discard() -> None:
    """Drop the test database."""
    connection.close()
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"DROP DATABASE {connection.settings_dict['NAME']} WITH (FORCE)")


def _differs(table: str) -> str:
    now, then = f"TABLE {table}", f"TABLE {_CLEAN}.{table}"
    return f"SELECT '{table}' WHERE EXISTS ({now} EXCEPT ALL {then}) OR EXISTS ({then} EXCEPT ALL {now})"


def _kept(digest: str) -> str:
    return KEPT + digest[:32]


def _test_database() -> str:
    """What Django is going to call it."""
    settings = connection.settings_dict
    return str(settings["TEST"]["NAME"] or f"test_{settings['NAME']}")


def _let_others_in() -> None:
    _server.pop().close()  # which releases the lock
