"""Changing the activity as somebody can who owns the whole database, and what verification then finds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from portal.audit.verification import snapshot, verify
from tests.support.activity import without_triggers


def execute(*statements: str) -> None:
    """Change the database as its owner can."""
    with without_triggers(), without_constraints(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@contextmanager
def without_constraints() -> Iterator[None]:
    """Have SQLite check no constraint of a row in the block only: the connection is that of later tests too."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = ON")
        try:
            yield
        finally:
            cursor.execute("PRAGMA ignore_check_constraints = OFF")


def findings() -> list[str]:
    """The texts of all findings."""
    with snapshot():
        return [finding.text for finding in verify()]
