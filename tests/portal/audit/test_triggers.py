"""The database refuses to change the activity, and a trigger that is switched off, forged or added is found."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from portal.models import Activity
from tests.support.tampering import findings

pytestmark = pytest.mark.django_db(transaction=True)
ON_SQLITE = connection.vendor == "sqlite"
REPLACEMENTS = ("UPDATE portal_activityhead SET chain = 'elsewhere', number = number + 1",)
REPLACEMENTS_BY_ROWID = (
    "UPDATE portal_activityhead SET rowid = rowid + 9, number = number + 1",
    (
        "INSERT OR REPLACE INTO portal_activityhead (rowid, chain, number, hash)"
        " SELECT rowid, 'elsewhere', 0, '' FROM portal_activityhead"
    ),
    (
        "INSERT OR REPLACE INTO portal_activitytext (rowid, activity_id, salt, actor_name, client_address,"
        " target_name, detail, link, before, after)"
        " SELECT rowid, -1, salt, actor_name, client_address, target_name, detail, link, before, after"
        " FROM portal_activitytext LIMIT 1"
    ),
    (
        "INSERT OR REPLACE INTO portal_activity SELECT CAST(id AS TEXT), number + 100, created_at, action,"
        " actor_kind, actor_key, target_kind, target_key, request_id, digest, previous, hash, organization_id"
        " FROM portal_activity LIMIT 1"
    ),
)
"""In SQLite each row also has a hidden key."""


@pytest.mark.parametrize("statement", (*REPLACEMENTS, *REPLACEMENTS_BY_ROWID) if ON_SQLITE else REPLACEMENTS)
def test_a_head_or_text_is_not_replaced_by_another(four_rows: list[Activity], statement: str) -> None:
    """Deleting and moving a head come to the same."""
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert findings() == []


SQLITE_FORGERIES = (
    "DROP TRIGGER activity_no_update",
    "CREATE TRIGGER activity_no_update BEFORE UPDATE ON portal_activity WHEN 0 BEGIN SELECT RAISE(ABORT, 'x'); END",
    "CREATE TRIGGER activity_no_update BEFORE UPDATE ON portal_activity BEGIN SELECT 1; END",
    "CREATE TRIGGER activity_no_update BEFORE UPDATE ON portal_user BEGIN SELECT 1; END",
)
POSTGRESQL_FORGERIES = (
    "ALTER TABLE portal_activity DISABLE TRIGGER activity_no_change",
    "ALTER TABLE portal_activity ENABLE REPLICA TRIGGER activity_no_change",
    "ALTER TABLE portal_activity ENABLE TRIGGER activity_no_change",
    (
        "CREATE OR REPLACE FUNCTION portal_activity_refuse() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN NEW; END $$"
    ),
)


@pytest.mark.parametrize("statement", SQLITE_FORGERIES if ON_SQLITE else POSTGRESQL_FORGERIES)
def test_a_trigger_that_refuses_nothing_is_found(four_rows: list[Activity], statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        if ON_SQLITE and statement.startswith("CREATE"):
            cursor.execute("DROP TRIGGER activity_no_update")
        cursor.execute(statement)
        assert any("activity_no_" in text for text in findings())
        transaction.set_rollback(True)
    assert findings() == []


SQLITE_ADDITIONS = (
    "CREATE TRIGGER other BEFORE INSERT ON portal_activity BEGIN SELECT RAISE(IGNORE); END",
    "CREATE TRIGGER other AFTER INSERT ON portal_activitytext BEGIN DELETE FROM portal_user; END",
    "CREATE TRIGGER other BEFORE UPDATE ON Portal_ActivityHead BEGIN SELECT RAISE(IGNORE); END",
)
POSTGRESQL_ADDITIONS = (
    "CREATE RULE other AS ON UPDATE TO portal_activityhead DO INSTEAD NOTHING",
    "CREATE RULE other AS ON INSERT TO portal_activity DO INSTEAD NOTHING",
    (
        "CREATE TRIGGER other BEFORE INSERT ON portal_activitytext FOR EACH ROW"
        " EXECUTE FUNCTION suppress_redundant_updates_trigger()"
    ),
    "CREATE POLICY other ON portal_activity USING (number < 3)",
    (
        "CREATE TRIGGER activity_head_no_delete BEFORE INSERT ON portal_activity FOR EACH ROW"
        " EXECUTE FUNCTION suppress_redundant_updates_trigger()"
    ),
)


@pytest.mark.parametrize("statement", SQLITE_ADDITIONS if ON_SQLITE else POSTGRESQL_ADDITIONS)
def test_what_could_drop_new_rows_is_found(four_rows: list[Activity], statement: str) -> None:
    """Otherwise nothing would be recorded any more, in chains that verify."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
        assert ["because of" in text for text in findings()] == [True]
        transaction.set_rollback(True)
    assert findings() == []


@pytest.mark.parametrize("table", ["portal_activity", "portal_activitytext", "portal_activityhead"])
def test_a_row_is_not_replaced(four_rows: list[Activity], table: str) -> None:
    """INSERT OR REPLACE deletes without firing a trigger for it; PostgreSQL's counterpart is an UPDATE."""
    if connection.vendor == "sqlite":
        statement = f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} LIMIT 1"
    else:
        key = {"portal_activity": "id", "portal_activitytext": "activity_id", "portal_activityhead": "chain"}[table]
        statement = (
            f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1 ON CONFLICT ({key}) DO UPDATE SET {key} = {table}.{key}"
        )
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert findings() == []
