"""Failed attempts as they are counted over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from groups.ingest.failed_attempts import delete_old
from groups.models import FailedAttempt
from groups.queries.failure_series import SPANS, series
from portal.organizations.actions import create_organization
from registries.foundation.actor import CONSOLE

NOW = datetime(2026, 3, 4, 12, 34, 56, tzinfo=UTC)


def fail(organization: Any, ago: timedelta, *, kind: str = "quay", code: str = "registry_unreachable") -> None:
    row = FailedAttempt.objects.create(organization=organization, kind=kind, code=code, step="connect", final=False)
    FailedAttempt.objects.filter(pk=row.pk).update(created_at=NOW - ago)


def test_they_are_counted_by_hour(acme: Any) -> None:
    for ago in (timedelta(minutes=1), timedelta(minutes=34), timedelta(minutes=35), timedelta(hours=60)):
        fail(acme, ago)
    fail(acme, timedelta(hours=47), kind="ghcr", code="rate_limited")

    with CaptureQueriesContext(connection) as queries:
        counted = series(SPANS["hours"], NOW)

    assert len(queries) == 1
    assert counted.moments[-1] == NOW.replace(minute=0, second=0)
    assert len(counted.moments) == 48
    assert list(counted.by_kind) == ["quay", "ghcr"]
    assert counted.by_kind["quay"][-2:] == [1, 2]
    assert sum(counted.by_kind["quay"]) == 3
    assert counted.by_code["rate_limited"][0] == 1


def test_they_are_counted_by_day(acme: Any) -> None:
    for ago in (timedelta(hours=1), timedelta(hours=13), timedelta(days=13), timedelta(days=15)):
        fail(acme, ago)
    counted = series(SPANS["days"], NOW)
    assert len(counted.moments) == 14
    assert counted.by_kind["quay"] == [1, *[0] * 11, 1, 1]


def test_nothing_fails(db: None) -> None:
    assert series(SPANS["hours"], NOW).by_kind == {}


def test_old_ones_are_forgotten(acme: Any) -> None:
    fail(acme, timedelta(days=300))
    FailedAttempt.objects.create(organization=acme, kind="quay", code="x", step="connect", final=True)
    assert delete_old() == 1
    assert FailedAttempt.objects.count() == 1


def test_they_go_with_their_organization(alice: Any, db: None) -> None:
    gone = create_organization(slug="gone", name="Gone", owner=alice, by=CONSOLE)
    fail(gone, timedelta(minutes=1))
    gone.delete()
    assert not FailedAttempt.objects.exists()
