"""Changing the activity as somebody can who owns the whole database, and what verification then finds."""

from __future__ import annotations

from django.db import connection

from portal.audit.verification import snapshot, verify
from tests.support.activity import without_triggers


def execute(*statements: str) -> None:
    """Change the database as its owner can."""
    with without_triggers(), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            cursor.execute(statement)


def findings() -> list[str]:
    """The texts of all findings."""
    with snapshot():
        return [finding.text for finding in verify()]
