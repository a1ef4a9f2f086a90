"""Whatever somebody with the whole database does to the activity is a finding, never a crash."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from portal.audit.erasure import erase_text
from portal.audit.verification import heads, verify
from portal.models import Activity, ActivityText, Organization, User
from registries.foundation.actor import CONSOLE
from tests.support.activity import write_activity
from tests.support.tampering import execute, findings

pytestmark = pytest.mark.django_db(transaction=True)
ONLY_SQLITE = pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PostgreSQL's types refuse it")
TEXT = "UPDATE portal_activitytext SET {} WHERE activity_id = (SELECT id FROM portal_activity WHERE number = 2)"


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
def test_a_value_that_was_never_written_is_found(four_rows: list[Activity], statement: str) -> None:
    execute(statement)

    assert findings()
    with pytest.raises(CommandError, match="not as it was written"):
        call_command("verify_activity", stdout=io.StringIO(), stderr=io.StringIO())


def test_what_comes_after_an_unreadable_row_is_verified(four_rows: list[Activity]) -> None:
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
def test_a_table_that_is_gone_is_found(four_rows: list[Activity], statement: str) -> None:
    kept = heads()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
        found = list(verify(kept))
        transaction.set_rollback(True)

    assert any("can't be read" in finding.text for finding in found)
    assert findings() == []


def test_an_erasure_excuses_only_the_row_it_names(four_rows: list[Activity]) -> None:
    """The primary key is in no hash, so it must not decide which text may be missing."""
    first, second = four_rows[:2]
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


def test_an_erasure_excuses_no_later_row(four_rows: list[Activity], acme: Organization, alice: User) -> None:
    erase_text(four_rows[0], reason="the law", by=CONSOLE)  # row 5
    later = write_activity(acme.pk, alice, "group.created", "later")
    execute(
        f"DELETE FROM portal_activitytext WHERE activity_id = {later.pk}",
        "UPDATE portal_activity SET target_key = '6' WHERE number = 5",
    )

    assert "the text was removed, and no erasure is recorded" in findings()
