"""Reading the activity in tests, and emptying it, which the database refuses everybody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from portal.models import Activity, ActivityHead, ActivityText, User
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor, ActorKind
from registries.foundation.ids import OrganizationId
from tests.support.actors import acting


def recorded(**only: object) -> list[tuple[str, str, str, str]]:
    """Who did what to whom, with the detail, oldest first."""
    rows = Activity.objects.filter(**only).order_by("pk")
    return list(rows.values_list("text__actor_name", "action", "text__target_name", "text__detail"))


def recorded_targets(**only: object) -> list[tuple[str, str, str, str, str]]:
    """What was done, by which kind of actor, and to what: its kind, key and name, oldest first."""
    rows = Activity.objects.filter(**only).order_by("pk")
    return list(rows.values_list("action", "actor_kind", "target_kind", "target_key", "text__target_name"))


@contextmanager
def without_triggers() -> Iterator[None]:
    """Let the activity be changed for a while, as only somebody could who owns the whole database."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT tgrelid::regclass::text, tgname FROM pg_trigger"
                " WHERE NOT tgisinternal AND tgname LIKE 'activity%' AND pg_table_is_visible(tgrelid)"
            )
            triggers = cursor.fetchall()
            for table, name in triggers:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
            yield
            for table, name in triggers:
                cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
            return
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'activity%'")
        triggers = cursor.fetchall()
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        yield
        for _, sql in triggers:
            cursor.execute(sql)


def write_activity(
    organization_id: OrganizationId, by: User | str, action: str, target: str = "", detail: str = ""
) -> Activity:
    """Record an action that nobody did; `by` is a person, or the name of an API key."""
    actor = acting(by) if isinstance(by, User) else Actor(kind=ActorKind.API_KEY, name=by)
    with transaction.atomic():
        record(
            actor,
            action,
            Target(action.partition(".")[0], "", target),
            organization_id=organization_id,
            detail=detail,
        )
    return Activity.objects.filter(organization=organization_id).latest("number")


def empty_activity() -> None:
    """Remove every row, as if nothing had been done so far."""
    with without_triggers():
        for table in (ActivityText, ActivityHead, Activity):
            table.objects.all().delete()
