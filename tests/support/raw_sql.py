"""Writing to the database past the portal, as somebody can who has its password."""

from __future__ import annotations

from typing import Any

from django.db import connection


def sql(statement: str, *values: Any) -> None:
    """Change one row."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount == 1


def key_of(row: Any) -> str:
    """The row's key as the database has it, if it is a UUID."""
    return row.pk.hex if connection.vendor == "sqlite" else str(row.pk)
