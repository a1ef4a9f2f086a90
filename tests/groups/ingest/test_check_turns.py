"""Whose check a free worker begins: one at a time for each organization, and organizations in turn."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from groups import jobs
from groups.ingest import check as checking
from groups.models import ImageCheck
from portal.models import Organization
from tests.support.concurrency import at_once
from tests.support.pull_queue import make_organizations


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch, woken: list[tuple[str, str]]) -> list[ImageCheck]:
    """Checks that a worker began; they do nothing and stay running."""
    rows: list[ImageCheck] = []
    monkeypatch.setattr("groups.ingest.check._carry_out", rows.append)
    return rows


def add_check(organization: Organization, *, age: float = 60, **values: Any) -> ImageCheck:
    """A queued check that was created `age` seconds ago."""
    now = timezone.now()
    return ImageCheck.objects.create(
        organization=organization,
        created_at=now - timedelta(seconds=age),
        expires_at=now + timedelta(seconds=300),
        **values,
    )


def test_an_organization_has_one_check_at_a_time(
    db: None, begun: list[ImageCheck], woken: list[tuple[str, str]]
) -> None:
    organizations = make_organizations("ab")
    first, second = (add_check(organizations["a"], age=age) for age in (90, 80))
    other = add_check(organizations["b"], age=1)

    for _ in range(3):
        checking.check()
    assert [row.pk for row in begun] == [first.pk, other.pk]

    woken.clear()
    ImageCheck.objects.filter(pk=first.pk).update(status="done", settled_at=timezone.now())
    checking.check()
    assert begun[-1].pk == second.pk


@pytest.mark.django_db(transaction=True)
def test_the_end_of_a_check_wakes_the_next(
    monkeypatch: pytest.MonkeyPatch, begun: list[ImageCheck], woken: list[tuple[str, str]]
) -> None:
    organizations = make_organizations("a")
    for age in (90, 80):
        add_check(organizations["a"], age=age)
    second = ImageCheck.objects.order_by("created_at").last()
    assert second is not None

    def end(row: ImageCheck) -> None:
        ImageCheck.objects.filter(pk=row.pk).update(status="done", settled_at=timezone.now())

    monkeypatch.setattr("groups.ingest.check._carry_out", end)
    checking.check()
    assert ("checks", str(second.pk)) in woken


@pytest.mark.parametrize(("settled", "expected"), [({}, "a"), ({"a": 5}, "b"), ({"a": 5, "b": 9}, "b")])
def test_the_last_check_the_longest_ago_is_first(
    db: None, begun: list[ImageCheck], settled: dict[str, float], expected: str
) -> None:
    organizations = make_organizations("ab")
    for name, seconds in settled.items():
        add_check(organizations[name], status="done", settled_at=timezone.now() - timedelta(seconds=seconds))
    for name, age in (("a", 90), ("b", 10)):
        add_check(organizations[name], age=age)

    checking.check()

    assert [row.organization.name for row in begun] == [expected]


def test_a_check_whose_worker_is_gone_keeps_nobody_waiting(db: None, begun: list[ImageCheck]) -> None:
    organizations = make_organizations("a")
    lost = add_check(organizations["a"], status="running")
    waiting = add_check(organizations["a"])
    checking.check()
    assert begun == []

    ImageCheck.objects.filter(pk=lost.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    checking.check()
    assert [row.pk for row in begun] == [waiting.pk]


@pytest.mark.django_db(transaction=True)
def test_of_several_workers_one_takes_the_check(begun: list[ImageCheck]) -> None:
    organizations = make_organizations("a")
    rows = [add_check(organizations["a"], age=age) for age in (90, 80, 70)]

    at_once(*(lambda row=row: jobs.check(str(row.pk)) for row in rows))

    assert [row.pk for row in begun] == [rows[0].pk]
