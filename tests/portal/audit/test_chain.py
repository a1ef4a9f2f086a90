"""The activity is a chain: every change of it is refused by the database, or found."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import Error, connection, transaction
from django.test.utils import CaptureQueriesContext

from portal.audit.chain import hash_of
from portal.audit.erasure import NothingToErase, erase_text
from portal.audit.verification import Head, heads, verify
from portal.models import Activity, ActivityHead, ActivityText
from registries.foundation.activity import NotInTransaction, Target, record
from registries.foundation.ids import OrganizationId
from tests.support.activity import empty_activity, without_triggers
from tests.support.actors import acting

SECRET_NAME = "hunter2-typed-into-a-name"  # pragma: allowlist secret


@pytest.fixture
def written(acme: Any, alice: Any, mallory: Any) -> list[Activity]:
    """Five rows of Acme's, two of Umbrella's and one of the portal's; returns Acme's, oldest first."""
    umbrella = mallory.organizations.get()
    empty_activity()
    with transaction.atomic():
        for number in range(5):
            record(acting(alice), "group.started", Target("group", number, f"web-{number}"), organization_id=acme.pk)
        for _ in range(2):
            record(acting(mallory), "group.stopped", Target("group", 9, "x"), organization_id=umbrella.pk)
        record(acting(mallory), "account.signed_in", Target("person", mallory.pk), organization_id=None)
    return list(Activity.objects.filter(organization=acme).order_by("number"))


def texts() -> list[str]:
    return [finding.text for finding in verify()]


def test_what_was_written_verifies(written: list[Activity], acme: Any, alice: Any) -> None:
    assert texts() == []
    assert [(row.number, row.previous) for row in written] == [
        (1, ""), *((row.number + 1, row.hash) for row in written[:-1])
    ]  # fmt: skip
    first = written[0]
    assert (first.actor_kind, first.actor_key, first.request_id) == ("person", str(alice.pk), "a" * 32)
    assert first.text.client_address == "127.0.0.1"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE portal_activity SET action = 'x'",
        "UPDATE portal_activity SET number = number + 100",
        "DELETE FROM portal_activity",
        "UPDATE portal_activitytext SET detail = 'x'",
        "UPDATE portal_activityhead SET hash = 'x'",
        "UPDATE portal_activityhead SET number = number - 1",
        "DELETE FROM portal_activityhead",
    ],
)
def test_the_database_refuses_to_change_it(written: list[Activity], statement: str) -> None:
    with pytest.raises(Error, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert texts() == []
    assert Activity.objects.count() == 8


def _change_action(rows: list[Activity]) -> None:
    Activity.objects.filter(pk=rows[2].pk).update(action="group.deleted")


def _change_time(rows: list[Activity]) -> None:
    Activity.objects.filter(pk=rows[2].pk).update(created_at=rows[2].created_at - timedelta(seconds=1))


def _change_actor(rows: list[Activity]) -> None:
    Activity.objects.filter(pk=rows[2].pk).update(actor_key="7")


def _change_text(rows: list[Activity]) -> None:
    ActivityText.objects.filter(pk=rows[2].pk).update(target_name="other")


def _remove_text(rows: list[Activity]) -> None:
    ActivityText.objects.filter(pk=rows[2].pk).delete()


def _remove_one(rows: list[Activity]) -> None:
    Activity.objects.filter(pk=rows[2].pk).delete()


def _remove_first(rows: list[Activity]) -> None:
    Activity.objects.filter(pk=rows[0].pk).delete()


def _remove_last(rows: list[Activity]) -> None:
    Activity.objects.filter(pk=rows[-1].pk).delete()
    ActivityText.objects.filter(pk=rows[-1].pk).delete()


def _swap(rows: list[Activity]) -> None:
    second, third = rows[1], rows[2]
    Activity.objects.filter(pk=second.pk).update(number=99)
    Activity.objects.filter(pk=third.pk).update(number=second.number)
    Activity.objects.filter(pk=second.pk).update(number=third.number)


def _move_to_another_chain(rows: list[Activity]) -> None:
    Activity.objects.filter(pk=rows[-1].pk).update(organization=None, number=2)


def _add_one(rows: list[Activity]) -> None:
    last = rows[-1]
    Activity.objects.create(
        organization=last.organization, number=6, created_at=last.created_at, action="group.started",
        actor_kind="person", digest=last.digest, previous=last.hash, hash="0" * 64,
    )  # fmt: skip


def _change_and_hash_again(rows: list[Activity]) -> None:
    row = rows[2]
    row.action = "group.deleted"
    Activity.objects.filter(pk=row.pk).update(action=row.action, hash=hash_of(row))


def _remove_head(rows: list[Activity]) -> None:
    ActivityHead.objects.filter(chain=str(rows[0].organization_id)).delete()


@pytest.mark.parametrize(
    "tamper",
    [
        _change_action, _change_time, _change_actor, _change_text, _remove_text, _remove_one, _remove_first,
        _remove_last, _swap, _move_to_another_chain, _add_one, _change_and_hash_again, _remove_head,
    ],
)  # fmt: skip
def test_whoever_gets_around_the_database_is_found(
    written: list[Activity], tamper: Callable[[list[Activity]], None], acme: Any
) -> None:
    with without_triggers():
        tamper(written)

    found = list(verify())
    assert found
    assert {finding.chain for finding in found} & {str(acme.pk), ""}
    with pytest.raises(CommandError, match="not as it was written"):
        call_command("verify_activity", stdout=io.StringIO(), stderr=io.StringIO())


def test_a_rewritten_chain_is_found_by_an_earlier_head(written: list[Activity], tmp_path: Path, acme: Any) -> None:
    """Whoever can write the whole database can make it consistent again, but not with a head that is kept elsewhere."""
    out = io.StringIO()
    call_command("verify_activity", stdout=out)
    kept = tmp_path / "heads"
    kept.write_text(out.getvalue())
    with without_triggers():
        previous = ""
        for row in written:
            row.action, row.previous = "group.stopped", previous
            row.hash = previous = hash_of(row)
            Activity.objects.filter(pk=row.pk).update(action=row.action, previous=row.previous, hash=row.hash)
        ActivityHead.objects.filter(pk=str(acme.pk)).update(hash=previous)

    assert texts() == []
    with pytest.raises(CommandError, match="1 finding"):
        call_command("verify_activity", heads=kept, stdout=io.StringIO(), stderr=io.StringIO())


def test_heads_are_printed_for_every_chain(written: list[Activity], acme: Any) -> None:
    out = io.StringIO()
    call_command("verify_activity", stdout=out)

    printed = [Head(**json.loads(line)) for line in out.getvalue().splitlines()]
    assert printed == heads()
    assert Head(str(acme.pk), 5, written[-1].hash) in printed
    assert {head.number for head in printed} == {5, 2, 1}


def test_a_missing_trigger_is_found(written: list[Activity]) -> None:
    with without_triggers():
        assert any("does not refuse changes" in text for text in texts())
    assert texts() == []


def test_a_text_is_erased_and_the_chain_holds(written: list[Activity], alice: Any) -> None:
    row = written[2]
    erase_text(row, reason="a secret in a name", by=acting(alice))

    assert texts() == []
    assert not ActivityText.objects.filter(pk=row.pk).exists()
    erased = Activity.objects.filter(organization=row.organization_id).latest("number")
    assert (erased.action, erased.target_key, erased.text.detail) == (
        "activity.erased", str(row.number), "a secret in a name",
    )  # fmt: skip
    with pytest.raises(NothingToErase):
        erase_text(row, reason="again", by=acting(alice))
    with pytest.raises(NothingToErase):
        erase_text(erased, reason="the trace", by=acting(alice))


def test_an_erased_text_that_comes_back_is_found(written: list[Activity], alice: Any) -> None:
    kept = ActivityText.objects.get(pk=written[2].pk)
    erase_text(written[2], reason="law", by=acting(alice))
    kept.save(force_insert=True)

    assert texts() == ["the text was erased, and is there again"]


def test_the_chain_outlives_its_organization(written: list[Activity], acme: Any) -> None:
    acme.delete()

    assert texts() == []
    assert Activity.objects.filter(organization=written[0].organization_id or OrganizationId(0)).count() == 5


def test_what_is_too_long_is_shortened(acme: Any, alice: Any) -> None:
    with transaction.atomic():
        record(acting(alice), "group.started", Target("group", 1, "n" * 300), organization_id=acme.pk, detail="d" * 999)

    text = Activity.objects.filter(organization=acme).latest("number").text
    assert (len(text.target_name), len(text.detail)) == (254, 300)
    assert text.detail.endswith("d…")
    assert texts() == []


def test_the_time_is_asked_once_the_chain_is_locked(acme: Any, alice: Any) -> None:
    with CaptureQueriesContext(connection) as asked, transaction.atomic():
        record(acting(alice), "group.started", Target("group", 1, "web"), organization_id=acme.pk)

    queries = [row["sql"] for row in asked.captured_queries]
    locked = max(place for place, sql in enumerate(queries) if "activityhead" in sql and sql.startswith("SELECT"))
    times = [place for place, sql in enumerate(queries) if sql.startswith("SELECT") and " FROM " not in sql]
    assert times
    assert locked < min(times)


@pytest.mark.django_db(transaction=True)
def test_recording_needs_the_transaction_of_the_action(acme: Any, alice: Any) -> None:
    before = Activity.objects.count()
    with pytest.raises(NotInTransaction):
        record(acting(alice), "group.started", Target("group", 1, "web"), organization_id=acme.pk)
    assert Activity.objects.count() == before


@pytest.mark.parametrize("value", ["naïve ☃ 名前", "\ud800 lone", "a\0b", '"; DROP TABLE', "line\nbreak"])
def test_any_text_survives_and_verifies(acme: Any, alice: Any, value: str) -> None:
    with transaction.atomic():
        record(
            acting(alice), "group.changed", Target("group", 1, value), organization_id=acme.pk, detail=value,
            before={"a": 1, "b": None, value: True}, after={"b": [value], "a": 2},
        )  # fmt: skip

    assert texts() == []
