"""Whatever somebody with the whole database does to the activity is a finding, never a crash."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from portal.audit import verification
from portal.audit.erasure import erase_text
from portal.audit.verification import Head, heads, snapshot, verify
from portal.models import Activity, ActivityText, Organization, User
from registries.foundation.actor import CONSOLE
from tests.support.activity import empty_activity, without_triggers, write_activity

pytestmark = pytest.mark.django_db(transaction=True)
ONLY_SQLITE = pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PostgreSQL's types refuse it")
TEXT = "UPDATE portal_activitytext SET {} WHERE activity_id = (SELECT id FROM portal_activity WHERE number = 2)"


@pytest.fixture
def rows(acme: Organization, alice: User) -> Iterator[list[Activity]]:
    """Four rows of Acme's, oldest first."""
    empty_activity()
    yield [write_activity(acme.pk, alice, "group.created", f"web-{number}") for number in range(4)]
    execute(*(f"DELETE FROM {table}" for table in ("portal_activity", "portal_activitytext", "portal_activityhead")))


def execute(*statements: str) -> None:
    """Change the database as its owner can."""
    with without_triggers(), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            cursor.execute(statement)


def findings() -> list[str]:
    with snapshot():
        return [finding.text for finding in verify()]


@ONLY_SQLITE
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE portal_activity SET created_at = 'garbage' WHERE number = 2",
        "UPDATE portal_activity SET created_at = '' WHERE number = 2",
        "UPDATE portal_activity SET created_at = 5 WHERE number = 2",
        "UPDATE portal_activity SET number = 'abc' WHERE number = 2",
        "UPDATE portal_activity SET number = 2.5 WHERE number = 2",
        "UPDATE portal_activity SET number = 1e30 WHERE number = 2",
        "UPDATE portal_activity SET organization_id = 'abc' WHERE number = 2",
        "UPDATE portal_activity SET organization_id = X'ff' WHERE number = 2",
        "UPDATE portal_activity SET action = X'ff' WHERE number = 2",
        "UPDATE portal_activity SET action = CAST(X'ff' AS TEXT) WHERE number = 2",
        TEXT.format("detail = CAST(X'ff' AS TEXT)"),
        TEXT.format("detail = X'ff'"),
        TEXT.format("before = '{'"),
        TEXT.format("""before = '{"a": ' || replace(hex(zeroblob(3000)), '0', '1') || '}'"""),
        TEXT.format("before = replace(hex(zeroblob(50000)), '0', '[') || replace(hex(zeroblob(50000)), '0', ']')"),
        "UPDATE portal_activityhead SET number = 'abc'",
        "UPDATE portal_activityhead SET chain = '99999999999999999999'",
        "UPDATE portal_activityhead SET chain = '²'",
        "UPDATE portal_activityhead SET hash = CAST(X'ff' AS TEXT)",
        "INSERT INTO portal_activityhead SELECT 'elsewhere', number, hash FROM portal_activityhead",
    ],
)
def test_a_value_that_was_never_written_is_found(rows: list[Activity], statement: str) -> None:
    execute(statement)

    assert findings()
    with pytest.raises(CommandError, match="not as it was written"):
        call_command("verify_activity", stdout=io.StringIO(), stderr=io.StringIO())


def test_what_comes_after_an_unreadable_row_is_verified(rows: list[Activity]) -> None:
    execute(TEXT.format("""before = '{"a": 1e999999}'""" if connection.vendor == "sqlite" else "detail = 'x'"))
    execute("UPDATE portal_activity SET action = 'x' WHERE number = 4")

    assert len(findings()) == 2


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE portal_activity RENAME TO elsewhere",
        "ALTER TABLE portal_activity RENAME COLUMN number TO counted",
        "ALTER TABLE portal_activitytext RENAME TO elsewhere",
        "ALTER TABLE portal_activitytext RENAME COLUMN detail TO words",
        "ALTER TABLE portal_activityhead RENAME TO elsewhere",
        "ALTER TABLE portal_activityhead RENAME COLUMN hash TO digest",
    ],
)
def test_a_table_that_is_gone_is_found(rows: list[Activity], statement: str) -> None:
    kept = heads()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
        found = list(verify(kept))
        transaction.set_rollback(True)

    assert any("can't be read" in finding.text for finding in found)
    assert findings() == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE portal_activityhead SET chain = 'elsewhere', number = number + 1",
        pytest.param("UPDATE portal_activityhead SET rowid = rowid + 9, number = number + 1", marks=ONLY_SQLITE),
        pytest.param(
            "INSERT OR REPLACE INTO portal_activityhead (rowid, chain, number, hash)"
            " SELECT rowid, 'elsewhere', 0, '' FROM portal_activityhead",
            marks=ONLY_SQLITE,
        ),
        pytest.param(
            "INSERT OR REPLACE INTO portal_activitytext (rowid, activity_id, salt, actor_name, client_address,"
            " target_name, detail, link, before, after)"
            " SELECT rowid, -1, salt, actor_name, client_address, target_name, detail, link, before, after"
            " FROM portal_activitytext LIMIT 1",
            marks=ONLY_SQLITE,
        ),
        pytest.param(
            "INSERT OR REPLACE INTO portal_activity SELECT CAST(id AS TEXT), number + 100, created_at, action,"
            " actor_kind, actor_key, target_kind, target_key, request_id, digest, previous, hash, organization_id"
            " FROM portal_activity LIMIT 1",
            marks=ONLY_SQLITE,
        ),
    ],
)
def test_a_head_or_text_is_not_replaced_by_another(rows: list[Activity], statement: str) -> None:
    """Deleting and moving a head come to the same; in SQLite each row also has a hidden key."""
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert findings() == []


def test_an_erasure_excuses_only_the_row_it_names(rows: list[Activity]) -> None:
    """The primary key is in no hash, so it must not decide which text may be missing."""
    first, second = rows[:2]
    kept = ActivityText.objects.get(pk=first.pk)
    erase_text(first, reason="the law", by=CONSOLE)
    execute(
        f"DELETE FROM portal_activitytext WHERE activity_id = {second.pk}",
        f"UPDATE portal_activity SET id = -1 WHERE id = {first.pk}",
        f"UPDATE portal_activity SET id = {first.pk} WHERE id = {second.pk}",
        f"UPDATE portal_activity SET id = {second.pk} WHERE id = -1",
    )
    kept.pk = second.pk
    kept.save(force_insert=True)

    assert sorted(findings()) == [
        "the text was erased, and is there again",
        "the text was removed, and no erasure is recorded",
    ]


def test_an_erasure_excuses_no_later_row(rows: list[Activity], acme: Organization, alice: User) -> None:
    erase_text(rows[0], reason="the law", by=CONSOLE)  # row 5
    later = write_activity(acme.pk, alice, "group.created", "later")
    execute(
        f"DELETE FROM portal_activitytext WHERE activity_id = {later.pk}",
        "UPDATE portal_activity SET target_key = '6' WHERE number = 5",
    )

    assert "the text was removed, and no erasure is recorded" in findings()


SQLITE_FORGERIES = (
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


@pytest.mark.parametrize("number", range(4))
def test_a_trigger_that_refuses_nothing_is_found(rows: list[Activity], number: int) -> None:
    forgeries = SQLITE_FORGERIES if connection.vendor == "sqlite" else POSTGRESQL_FORGERIES
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("DROP TRIGGER activity_no_update")
        if number < len(forgeries):
            cursor.execute(forgeries[number])
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


@pytest.mark.parametrize("number", range(5))
def test_what_could_drop_new_rows_is_found(rows: list[Activity], number: int) -> None:
    """Otherwise nothing would be recorded any more, in chains that verify."""
    additions = SQLITE_ADDITIONS if connection.vendor == "sqlite" else POSTGRESQL_ADDITIONS
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in additions[number : number + 1]:
            cursor.execute(statement)
        found = findings()
        assert ["because of" in text for text in found] == ([True] if number < len(additions) else [])
        transaction.set_rollback(True)
    assert findings() == []


@pytest.mark.parametrize("table", ["portal_activity", "portal_activitytext", "portal_activityhead"])
def test_a_row_is_not_replaced(rows: list[Activity], table: str) -> None:
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


@pytest.mark.parametrize(
    "line",
    [
        '{"chain": 1, "number": 1, "hash": "x"}',
        '{"chain": "1", "number": "x", "hash": "y"}',
        '{"chain": "1", "number": true, "hash": "y"}',
        '{"chain": "1", "number": -1, "hash": "y"}',
        '{"chain": "1", "number": 100000000000000000000000, "hash": "y"}',
        '{"chain": "99999999999999999999", "number": 1, "hash": "y"}',
        '{"chain": "01", "number": 1, "hash": "y"}',
        '{"chain": "²", "number": 1, "hash": "y"}',
        '{"chain": "1\\u0000", "number": 1, "hash": "y"}',
        '{"chain": null, "number": null, "hash": null}',
        '{"chain": "1", "number": 1}',
        "[1, 2]",
        '"x"',
        "{",
    ],
)
def test_a_file_that_holds_no_heads_is_refused(line: str, tmp_path: Path) -> None:
    file = tmp_path / "heads"
    file.write_text(f"{line}\n")

    with pytest.raises(CommandError, match="does not hold heads"):
        call_command("verify_activity", heads=file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="heads can't be read: No such file"):
        call_command("verify_activity", heads=tmp_path / "heads")


def test_the_command_says_how_much_it_verified(rows: list[Activity]) -> None:
    err = io.StringIO()
    call_command("verify_activity", stdout=io.StringIO(), stderr=err)

    total = Activity.objects.count()
    assert err.getvalue().startswith(f"Verified {total} rows in ")


def test_a_finding_names_the_organization(rows: list[Activity], acme: Organization) -> None:
    execute("UPDATE portal_activity SET action = 'x' WHERE number = 2")
    err = io.StringIO()
    with pytest.raises(CommandError, match="1 finding"):
        call_command("verify_activity", stdout=io.StringIO(), stderr=err)

    assert f"chain {acme.pk} (acme), row 2: the row was changed" in err.getvalue()


def test_a_file_of_other_bytes_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "heads"
    file.write_bytes(b"\xff\xfe")

    with pytest.raises(CommandError, match="does not hold heads"):
        call_command("verify_activity", heads=file)


def test_the_command_prints_the_heads_it_verified(
    rows: list[Activity], acme: Organization, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An action in the middle of the run is in neither."""
    before = heads()
    really = verification.heads

    def later() -> list[Head]:
        _append_elsewhere(acme, alice)
        return really()

    monkeypatch.setattr(verification, "heads", later)
    out = io.StringIO()
    call_command("verify_activity", stdout=out)

    assert [Head(**json.loads(line)) for line in out.getvalue().splitlines()] == before
    assert heads() != before
    assert findings() == []


def _append_elsewhere(acme: Organization, alice: User) -> None:
    """Record an action on a connection of its own, as another process does."""

    def write() -> None:
        write_activity(acme.pk, alice, "group.created", "meanwhile")
        connection.close()

    thread = Thread(target=write)
    thread.start()
    thread.join()
