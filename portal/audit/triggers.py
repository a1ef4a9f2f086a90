"""The triggers with which the database refuses to change the activity: their definitions, which are not in force, and
what else acts on its tables.

Migrations 0012 and 0016 create them. A change here needs a migration that creates the trigger again.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection

REFUSAL = "the activity is append-only"
SQLITE = {
    "activity_no_update": "BEFORE UPDATE ON portal_activity",
    "activity_no_delete": "BEFORE DELETE ON portal_activity",
    "activity_no_replace": (
        "BEFORE INSERT ON portal_activity WHEN EXISTS (SELECT 1 FROM portal_activity WHERE id = NEW.id"
        " OR (organization_id IS NEW.organization_id AND number = NEW.number))"
    ),
    "activity_text_no_update": "BEFORE UPDATE ON portal_activitytext",
    "activity_text_no_replace": (
        "BEFORE INSERT ON portal_activitytext WHEN EXISTS"
        " (SELECT 1 FROM portal_activitytext WHERE activity_id = NEW.activity_id OR rowid = NEW.rowid)"
    ),
    "activity_head_no_delete": "BEFORE DELETE ON portal_activityhead",
    "activity_head_only_forward": (
        "BEFORE UPDATE ON portal_activityhead"
        " WHEN NEW.number <= OLD.number OR NEW.chain <> OLD.chain OR NEW.rowid <> OLD.rowid"
    ),
    "activity_head_no_replace": (
        "BEFORE INSERT ON portal_activityhead WHEN EXISTS"
        " (SELECT 1 FROM portal_activityhead WHERE chain = NEW.chain OR rowid = NEW.rowid)"
    ),
}
"""By name. The `no_replace` ones are for INSERT OR REPLACE, which deletes without firing a delete trigger. It also
replaces the row with the same `rowid`, which is another key of texts and heads."""
POSTGRESQL = {
    "activity_no_change": "BEFORE DELETE OR UPDATE ON portal_activity FOR EACH ROW",
    "activity_no_truncate": "BEFORE TRUNCATE ON portal_activity FOR EACH STATEMENT",
    "activity_text_no_update": "BEFORE UPDATE ON portal_activitytext FOR EACH ROW",
    "activity_text_no_truncate": "BEFORE TRUNCATE ON portal_activitytext FOR EACH STATEMENT",
    "activity_head_no_delete": "BEFORE DELETE ON portal_activityhead FOR EACH ROW",
    "activity_head_no_truncate": "BEFORE TRUNCATE ON portal_activityhead FOR EACH STATEMENT",
    "activity_head_only_forward": (
        "BEFORE UPDATE ON portal_activityhead FOR EACH ROW"
        " WHEN (new.number <= old.number OR new.chain::text <> old.chain::text)"
    ),
}
"""By name, as PostgreSQL prints them. All call `portal_activity_refuse` and are enabled ALWAYS, so that
`session_replication_role` does not switch them off."""
TABLES = ("portal_activity", "portal_activitytext", "portal_activityhead")
ACTING_ON_SQLITE = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger' AND lower(tbl_name) IN (%s, %s, %s)"
ACTING_ON_POSTGRESQL = """
    SELECT name, relname FROM pg_class JOIN (
        SELECT tgname::text AS name, tgrelid AS relation FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT 'rule ' || rulename, ev_class FROM pg_rewrite
        UNION ALL SELECT 'policy ' || polname, polrelid FROM pg_policy
    ) acting ON pg_class.oid = relation
    WHERE pg_table_is_visible(pg_class.oid) AND relname IN (%s, %s, %s)
"""
"""What acts on these tables: name and table."""
FUNCTION = f"BEGIN RAISE EXCEPTION '{REFUSAL}'; END"


def not_in_force() -> Iterator[str]:
    """Yield the name of each trigger that is missing, disabled or not defined as here."""
    if connection.vendor == "postgresql":
        yield from _not_in_force_on_postgresql()
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        found = dict(cursor.fetchall())
    for name, when in SQLITE.items():
        if found.get(name) != f"CREATE TRIGGER {name} {when} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END":
            yield name


def not_ours() -> Iterator[str]:
    """Yield the name of each other trigger on the tables of the activity, and on PostgreSQL of each rule and policy.
    One that drops rows as they are appended would leave chains that verify."""
    on_postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute(ACTING_ON_POSTGRESQL if on_postgresql else ACTING_ON_SQLITE, TABLES)
        found: list[tuple[str, str]] = cursor.fetchall()
    ours = POSTGRESQL if on_postgresql else SQLITE
    for name, table in found:
        if f"{ours.get(name, '')} ".partition(" ON ")[2].partition(" ")[0] != table:
            yield name


def _not_in_force_on_postgresql() -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname, tgenabled, pg_get_triggerdef(trigger.oid, true), prosrc"
            " FROM pg_trigger trigger JOIN pg_proc ON pg_proc.oid = tgfoid"
            " WHERE NOT tgisinternal AND pg_table_is_visible(tgrelid)"
        )
        found = {(row[0], row[2]): (row[1], row[3]) for row in cursor.fetchall()}
    for name, when in POSTGRESQL.items():
        definition = f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION portal_activity_refuse()"
        enabled, source = found.get((name, definition), ("", ""))
        if enabled != "A" or source.strip() != FUNCTION:
            yield name
