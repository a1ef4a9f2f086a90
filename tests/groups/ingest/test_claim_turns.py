"""Whose pull a free worker begins: organizations take turns, however many pulls wait and however old they are."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from groups import jobs
from groups.ingest.claim import claim
from groups.models import Image, Quota
from portal.models import Organization
from tests.support.concurrency import at_once
from tests.support.pull_queue import add_pull, make_organizations, set_last_claims
from tests.support.quotas import set_quota


@pytest.fixture
def organizations(db: None) -> dict[str, Organization]:
    return make_organizations("abc")


def owner_of_next() -> str | None:
    """The organization of the pull that a worker claims now."""
    taken = claim()
    return taken.image.organization.name if taken else None


def test_there_is_nothing_to_claim_without_pulls(organizations: dict[str, Organization]) -> None:
    assert claim() is None


@pytest.mark.parametrize(
    ("pulling", "last", "expected"),
    [
        ("", {}, "a"),  # nobody pulls, nobody ever did: the oldest image
        ("a", {}, "b"),  # fewer in progress
        ("aab", {}, "c"),
        ("abc", {"a": 5, "b": 9, "c": 7}, "b"),  # as many each: the one whose turn is the longest ago
        ("", {"a": 5, "b": 9, "c": 7}, "b"),
        ("", {"a": 5, "b": 9}, "c"),  # one that never had a turn comes first
        ("b", {"a": 1, "b": 900, "c": 2}, "c"),  # what is in progress counts before the last turn
        ("aaabbc", {"a": 900, "b": 800, "c": 1}, "c"),
    ],
)
def test_whose_turn_it_is(
    organizations: dict[str, Organization], pulling: str, last: dict[str, float], expected: str
) -> None:
    for name in pulling:
        add_pull(organizations[name], status="pulling")
    for age, name in ((300, "a"), (290, "a"), (280, "a"), (30, "b"), (20, "c")):
        add_pull(organizations[name], age=age)
    set_last_claims(organizations, last)

    assert owner_of_next() == expected


def test_twenty_pulls_of_one_organization_take_every_other_turn(organizations: dict[str, Organization]) -> None:
    for age in range(20):
        add_pull(organizations["a"], age=500 - age)
    for age in range(3):
        add_pull(organizations["b"], age=10 - age)

    begun = []
    for _ in range(7):
        taken = claim()
        assert taken is not None
        begun.append(taken.image.organization.name)
        Image.objects.filter(pk=taken.image.pk).update(status="ready")

    assert "".join(begun) == "abababa"


def test_in_an_organization_the_oldest_is_first(organizations: dict[str, Organization]) -> None:
    ages = (30, 90, 60)
    images = {age: add_pull(organizations["a"], age=age) for age in ages}

    begun = [claim() for _ in ages]

    assert [taken.image.pk for taken in begun if taken] == [images[age].pk for age in (90, 60, 30)]


@pytest.mark.parametrize("why", ["later", "suspended", "full", "settled", "held"])
def test_what_can_not_begin_has_no_turn(organizations: dict[str, Organization], why: str) -> None:
    """Nor does it keep others waiting."""
    first, second = organizations["a"], organizations["b"]
    changes: dict[str, dict[str, object]] = {
        "later": {"not_before": timezone.now() + timedelta(seconds=9)},
        "settled": {"status": "failed"},
        "held": {"status": "pulling"},
    }
    Image.objects.filter(pk=add_pull(first, age=500).pk).update(**changes.get(why, {"attempt": 0}))
    if why == "suspended":
        set_quota(first, suspended_at=timezone.now())
    if why == "full":
        add_pull(first, status="pulling")
        add_pull(second, status="pulling")
        set_quota(first, max_pulls=1)
        set_last_claims(organizations, {"b": 1})
    waiting = add_pull(second)

    taken = claim()

    assert taken is not None
    assert taken.image.pk == waiting.pk
    assert claim() is None


def test_a_claim_is_noted_with_its_time(organizations: dict[str, Organization]) -> None:
    image = add_pull(organizations["a"], yielded_at=timezone.now())

    assert claim() is not None

    image.refresh_from_db()
    times = {Quota.objects.get(pk=organizations["a"].pk).last_claim_at, image.claimed_at}
    assert len(times - {None}) >= 1
    assert all(time and abs((timezone.now() - time).total_seconds()) < 10 for time in times)
    assert image.yielded_at is None
    assert Quota.objects.exclude(pk=organizations["a"].pk).filter(last_claim_at__isnull=False).count() == 0


def test_an_organization_without_a_quota_has_its_turn(organizations: dict[str, Organization]) -> None:
    Quota.objects.all().delete()
    image = add_pull(organizations["c"])

    taken = claim()

    assert taken is not None
    assert taken.image.pk == image.pk
    assert Quota.objects.get(pk=organizations["c"].pk).last_claim_at is not None


@pytest.mark.django_db(transaction=True)
def test_a_worker_woken_for_one_pull_begins_the_one_whose_turn_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    organizations = make_organizations("ab")
    add_pull(organizations["a"], status="pulling")
    woken_for, waiting = add_pull(organizations["a"], age=500), add_pull(organizations["b"], age=1)
    pulled: list[uuid.UUID] = []
    monkeypatch.setattr("groups.jobs.pipeline.pull", lambda held: pulled.append(held.image.pk))

    jobs.pull(str(woken_for.pk))
    jobs.pull(str(waiting.pk))
    jobs.pull(str(waiting.pk))

    assert pulled == [waiting.pk, woken_for.pk], "each wake-up begins one pull, and one too many begins none"


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_take_one_of_each_organization() -> None:
    """The second counts what the first has claimed, on both databases; nothing is claimed twice."""
    for _ in range(3):
        Image.objects.all().delete()
        Quota.objects.all().delete()
        Organization.objects.all().delete()
        organizations = make_organizations("ab")
        for age in range(10):
            add_pull(organizations["a"], age=500 - age)
        add_pull(organizations["b"], age=5)

        done = at_once(claim, claim)
        connection.close()

        assert sorted(taken.image.organization.name for taken in done) == ["a", "b"]
        third = at_once(claim, claim, claim)
        assert len({taken.image.pk for taken in [*done, *third]}) == 5
        assert set(Image.objects.values_list("attempt", flat=True)) == {0, 1}
