"""Reading the activity in tests, and emptying it, which the database refuses everybody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from portal.models import Activity

TABLES = ("portal_activity", "portal_activitytext", "portal_activityhead")


def recorded(**only: object) -> list[tuple[str, str, str, str]]:
    """Who did what to whom, with the detail, oldest first."""
    rows = Activity.objects.filter(**only).order_by("pk")
    return list(rows.values_list("text__actor_name", "action", "text__target_name", "text__detail"))


@contextmanager
def without_triggers() -> Iterator[None]:
    """Let the activity be changed for a while, as only somebody could who owns the whole database."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            for table in TABLES:
                cursor.execute(f"ALTER TABLE IF EXISTS {table} DISABLE TRIGGER USER")
            yield
            for table in TABLES:
                cursor.execute(f"ALTER TABLE IF EXISTS {table} ENABLE TRIGGER USER")
            return
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'activity%'")
        triggers = cursor.fetchall()
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        yield
        for _, sql in triggers:
            cursor.execute(sql)
