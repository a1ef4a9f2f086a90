"""Outages as rows: they begin once, keep their beginning, and end when pulls succeed or nothing more is known.

The course of docker/hub-feedback#2439: hours of 500 for everybody, partly working in between.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from groups.ingest.outages import MAX_AGE, delete_old, note_outages
from groups.models import Outage
from groups.rules.outage_detection import observe
from registries.foundation.clock import database_now
from tests.support.outages import GITHUB, HUB, OWN, QUAY, fail_attempts, make_outage, organizations, succeed

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 4, 12, 34, 0, tzinfo=UTC)


def note(minutes: float = 0.0) -> int:
    return note_outages(observe(NOW + timedelta(minutes=minutes)))


def test_it_begins_once_and_keeps_its_beginning() -> None:
    customers = organizations(4)
    fail_attempts(customers[:2], NOW, 4, 3, 2)
    assert note() == 1
    outage = Outage.objects.get()
    assert (outage.registry, outage.attempts, outage.organizations) == ("ghcr", 6, 2)

    fail_attempts(customers, NOW, -1, -4, -8)
    assert (note(1), note(9)) == (0, 0)

    outage = Outage.objects.get()
    assert (outage.organizations, outage.attempts, outage.ended_at) == (4, 12, None)
    assert (outage.began_at.minute, outage.last_failed_at.minute) == (30, 42)


def test_it_ends_soon_after_pulls_succeed() -> None:
    customers = organizations(3)
    fail_attempts(customers, NOW, 4, 2)
    note()
    succeed(customers[:1], NOW, -1)
    assert note(0.9) == 0
    assert note(1.5) == 1
    outage = Outage.objects.get()
    assert (outage.ended_at, outage.recovered) == (NOW + timedelta(minutes=1.5), True)
    assert outage.last_failed_at == NOW - timedelta(minutes=2)
    assert note(2) == 0


def test_nobody_tries_any_more() -> None:
    """Then nothing is known: it may not be over."""
    fail_attempts(organizations(3), NOW, 4, 2)
    note()
    assert note(7.5) == 0
    assert note(8.5) == 1
    assert not Outage.objects.get().recovered


def test_one_that_still_fails_keeps_it_open_while_nothing_succeeds() -> None:
    customers = organizations(3)
    fail_attempts(customers, NOW, 4, 2)
    note()
    fail_attempts(customers[:1], NOW, -7, -12)
    assert (note(9), note(13)) == (0, 0)
    succeed(customers[1:], NOW, -14)
    assert note(14) == 1
    assert Outage.objects.get().recovered


def test_it_ends_though_some_fail_there_every_day() -> None:
    customers = organizations(3)
    fail_attempts(customers, NOW, *range(20, 1400, 10))
    fail_attempts(customers, NOW, *[3] * 10, 2)
    assert note() == 1
    fail_attempts(customers, NOW, -15)
    fail_attempts(customers[:2], NOW, -16)
    succeed(customers, NOW, -15.5)
    assert note(16.5) == 1
    assert Outage.objects.get().recovered


def test_it_lasts_for_hours() -> None:
    """Its own failures don't become what is usual."""
    customers = organizations(3)
    fail_attempts(customers, NOW, 4, 2)
    note()
    for hour in range(1, 12):
        fail_attempts(customers, NOW, *(minutes - hour * 60 for minutes in range(0, 60, 5)))
        Outage.objects.update(last_failed_at=NOW + timedelta(hours=hour))
        assert note(hour * 60) == 0
    assert Outage.objects.get().began_at == NOW - timedelta(minutes=4)


def test_one_that_begins_again_is_the_same() -> None:
    """docker/hub-feedback#2082: it came and went."""
    customers = organizations(3)
    fail_attempts(customers, NOW, 4, 2)
    note()
    succeed(customers, NOW, -1)
    note(2)
    fail_attempts(customers, NOW, -20, -21)
    assert note(22) == 1
    outage = Outage.objects.get()
    assert (outage.is_over, outage.recovered, outage.began_at.minute) == (False, False, 30)

    succeed(customers, NOW, -23)
    assert note(26) == 1
    fail_attempts(customers, NOW, -70, -71)
    assert note(72) == 1
    assert Outage.objects.count() == 2


def test_everywhere_is_one_outage_and_not_one_of_each_registry() -> None:
    customers = organizations(3)
    for host in (GITHUB, HUB, QUAY, OWN):
        fail_attempts(customers, NOW, 3, 2, host=host)
    note()
    outage = Outage.objects.get()
    assert (outage.registry, outage.registries, outage.kind) == (Outage.EVERYWHERE, 4, "")

    succeed(customers, NOW, -1, host=OWN)
    assert note(1.5) == 0, "three of four still fail"
    for host in (GITHUB, HUB, QUAY):
        succeed(customers, NOW, -2, host=host)
    assert note(2) == 1
    assert Outage.objects.get().recovered


def test_what_remains_of_it_is_an_outage_of_its_own() -> None:
    customers = organizations(3)
    for host in (GITHUB, HUB, QUAY):
        fail_attempts(customers, NOW, 3, host=host)
    note()
    for host in (HUB, QUAY):
        succeed(customers, NOW, -1, host=host)
    fail_attempts(customers, NOW, -2)
    note(2)
    note(2)
    assert list(Outage.objects.current().values_list("registry", flat=True)) == ["ghcr"]


def test_two_sweeps_begin_it_once() -> None:
    fail_attempts(organizations(3), NOW, 4, 2)
    observed = observe(NOW)
    assert [note_outages(observed), note_outages(observed)] == [1, 0]
    assert Outage.objects.count() == 1


def test_old_ones_are_deleted() -> None:
    now = database_now()
    for host, age in ((GITHUB, MAX_AGE + timedelta(minutes=1)), (HUB, MAX_AGE - timedelta(minutes=1))):
        make_outage(host, began_at=now - age, last_failed_at=now - age, ended_at=now - age)
    make_outage(QUAY, began_at=now - 2 * MAX_AGE, last_failed_at=now)
    assert delete_old() == 1
    assert set(Outage.objects.values_list("registry", flat=True)) == {"docker_hub", "quay"}
