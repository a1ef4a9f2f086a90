"""Members find and export what was done, of their own organization only."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from portal.models import Activity, ActivityText
from registries.foundation.activity import Target, record
from registries.foundation.actor import CONSOLE, Actor, ActorKind
from tests.support.activity import without_triggers
from tests.support.actors import acting

PAGE = "/o/acme/settings/activity/"
KEY = Actor(kind=ActorKind.API_KEY, id="1", name="API key ci", address="198.51.100.7", request_id="b" * 32)


@pytest.fixture
def rows(acme: Any, alice: Any, bob: Any, mallory: Any) -> None:
    umbrella = mallory.organizations.get()
    with transaction.atomic():
        record(acting(alice), "team.invited", Target("invitation", 1, "nina@acme.example"), organization_id=acme.pk)
        record(KEY, "group.started", Target("group", 2, "nightly"), organization_id=acme.pk, detail="by 100 %")
        record(acting(bob), "group.changed", Target("group", 3, "=cmd()"), organization_id=acme.pk,
               detail='replicas 1 → 2, "quoted"', before={"replicas": 1}, after={"replicas": 2})  # fmt: skip
        record(CONSOLE, "operator.suspended", Target("organization", acme.pk, "Acme"), organization_id=acme.pk)
        record(acting(mallory), "group.started", Target("group", 4, "nightly"), organization_id=umbrella.pk)


def names(client: Client, query: str) -> list[str]:
    lines = client.get(f"{PAGE}export.jsonl?{query}").getvalue().decode().splitlines()
    return [json.loads(line)["target"] for line in lines if json.loads(line)["action"] != "organization.created"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Acme", "=cmd()", "nightly", "nina@acme.example"]),
        ("q=nina", ["nina@acme.example"]),
        ("q=NINA+alice", ["nina@acme.example"]),
        ("q=nina+bob", []),
        ("q=started", ["nightly"]),
        ("q=100+%25", ["nightly"]),
        ("q=" + "b" * 32, ["nightly"]),
        ("area=group", ["=cmd()", "nightly"]),
        ("area=nonsense", ["Acme", "=cmd()", "nightly", "nina@acme.example"]),
        ("who=API+key+ci", ["nightly"]),
        ("since=2999-01-01", []),
        ("until=2999-01-01", ["Acme", "=cmd()", "nightly", "nina@acme.example"]),
        ("since=2026-02-30", ["Acme", "=cmd()", "nightly", "nina@acme.example"]),
        ("before=1", []),
        ("before=99999999999999999999", ["Acme", "=cmd()", "nightly", "nina@acme.example"]),
        ("before=-1", ["Acme", "=cmd()", "nightly", "nina@acme.example"]),
    ],
)
def test_rows_are_found(rows: None, member: Client, query: str, expected: list[str]) -> None:
    assert names(member, query) == expected
    page = member.get(f"{PAGE}?{query}").text
    for name in expected:
        assert name in page


def test_a_day_is_included_from_its_first_to_its_last_moment(rows: None, member: Client, acme: Any) -> None:
    first, second = Activity.objects.filter(organization=acme, action__startswith="group.").order_by("pk")
    with without_triggers():
        Activity.objects.filter(pk=first.pk).update(created_at=datetime(2026, 3, 1, tzinfo=UTC))
        Activity.objects.filter(pk=second.pk).update(created_at=datetime(2026, 3, 1, 23, 59, 59, 999999, tzinfo=UTC))

    assert sorted(names(member, "since=2026-03-01&until=2026-03-01")) == ["=cmd()", "nightly"]
    assert names(member, "since=2026-02-28&until=2026-02-28") == []
    assert "first day is after" in member.get(f"{PAGE}?since=2026-03-02&until=2026-03-01").text


def test_the_csv_is_quoted_and_runs_nothing(rows: None, member: Client) -> None:
    response = member.get(f"{PAGE}export.csv")
    text = response.getvalue().decode()

    assert response["Content-Type"].startswith("text/csv")
    assert 'filename="acme-activity.csv"' in response["Content-Disposition"]
    head, *lines = list(csv.reader(io.StringIO(text)))
    assert text.startswith('"number","time"')
    changed = dict(zip(head, next(line for line in lines if "group.changed" in line), strict=True))
    assert changed["target"] == "'=cmd()"
    assert changed["detail"] == 'replicas 1 → 2, "quoted"'
    assert json.loads(changed["before"]) == {"replicas": 1}
    assert (changed["actor"], changed["client_address"]) == ("bob@acme.example", "127.0.0.1")


def test_an_operator_is_not_named_and_not_located(rows: None, viewer_of_acme: Client, olga: Any, acme: Any) -> None:
    by = Actor(kind=ActorKind.OPERATOR, id=str(olga.pk), name="Drayage", address="203.0.113.9", request_id="c" * 32)
    with transaction.atomic():
        record(by, "operator.changed", Target("organization", acme.pk, "limits"), organization_id=acme.pk)

    for address in (PAGE, f"{PAGE}export.csv", f"{PAGE}export.jsonl"):
        response = viewer_of_acme.get(address)
        text = (b"".join(response) if response.streaming else response.content).decode()
        assert "Drayage" in text
        assert olga.email not in text
        assert "203.0.113.9" not in text


@pytest.fixture
def viewer_of_acme(carol: Any, as_user: Callable[[Any], Client]) -> Client:
    return as_user(carol)


def test_another_organization_exports_nothing_of_it(rows: None, mallory: Any, as_user: Any) -> None:
    browser = as_user(mallory)

    for ending in ("csv", "jsonl"):
        assert browser.get(f"{PAGE}export.{ending}").status_code == 404
        own = browser.get(f"/o/umbrella/settings/activity/export.{ending}").getvalue().decode()
        assert "nina@acme.example" not in own
        assert "nightly" in own


def test_an_erased_text_reads_as_erased(rows: None, member: Client) -> None:
    row = Activity.objects.get(text__target_name="nina@acme.example")
    ActivityText.objects.filter(pk=row.pk).delete()

    assert "[erased]" in member.get(PAGE).text
    assert "nina" not in member.get(f"{PAGE}export.csv").getvalue().decode()
