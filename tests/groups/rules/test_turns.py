"""Which running pull makes room while another organization waits. Times are in seconds."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from groups.models import Image
from groups.rules import turns
from portal.models import Organization
from tests.support.pull_queue import add_pull, make_organizations
from tests.support.quotas import set_quota


@pytest.fixture
def organizations(db: None) -> dict[str, Organization]:
    return make_organizations("abcd")


def yielding(pulls: dict[str, Image], *, slow: str = "abcd") -> list[str]:
    """The pulls that have to make room, by their names; those of the organizations in `slow` are slow."""
    return [name for name, image in pulls.items() if turns.has_to_yield(image, is_slow=name[0] in slow)]


def set_up(organizations: dict[str, Organization], pulling: str, waiting: str) -> dict[str, Image]:
    """`pulling` are pulls in progress, an organization and when it was claimed each, such as `a90 b5`; `waiting` those
    in the queue, such as `c10`. Returns what is in progress by that name."""
    for text in waiting.split():
        add_pull(organizations[text[0]], age=float(text[1:]))
    return {
        text: add_pull(organizations[text[0]], status="pulling", claimed=float(text[1:])) for text in pulling.split()
    }


@pytest.mark.parametrize(
    ("pulling", "waiting", "expected"),
    [
        ("", "", []),
        ("a90 a80", "", []),
        ("a90 a80", "a10 a9", []),  # nobody else waits: one organization may have all workers
        ("a90 a80", "b10", ["a80"]),  # else the newest of two makes room
        ("a80 a90", "b10", ["a80"]),
        ("a90 a80 a70 a60", "b10", ["a60"]),
        ("a90 a80", "b1", []),  # a free worker may still begin it
        ("a90 a80 b70", "b10", []),  # one to two is as fair as it gets
        ("a90 a80 a70 b60", "b10", ["a70"]),
        ("a90 a80 b70 b60", "c10", ["b60"]),  # the newest of those with the most
        ("a90 a80 b20", "c10", ["a80"]),
        ("a90", "b10", ["a90"]),  # the only worker: in time slices of a minute
        ("a59", "b10", []),
        ("a90 b80", "c10", ["a90", "b80"]),
        ("a59 b58", "c10", []),
        ("a90 b80", "a10 b10", []),
    ],
)
def test_who_makes_room(
    organizations: dict[str, Organization], pulling: str, waiting: str, expected: list[str]
) -> None:
    assert yielding(set_up(organizations, pulling, waiting)) == expected


def test_a_fast_pull_keeps_its_worker_unless_its_organization_has_two_more(
    organizations: dict[str, Organization],
) -> None:
    pulls = set_up(organizations, "a90", "b10")
    assert yielding(pulls, slow="") == []

    pulls |= set_up(organizations, "a80", "")
    assert yielding(pulls, slow="") == ["a80"]


@pytest.mark.parametrize(("times", "seconds"), [(0, 60), (1, 120), (2, 240), (6, 3840)])
def test_each_time_slice_is_twice_as_long(organizations: dict[str, Organization], times: int, seconds: float) -> None:
    """So that a pull that can't be resumed comes to its end."""
    add_pull(organizations["b"], age=9000)
    early = add_pull(organizations["a"], status="pulling", claimed=seconds - 5, handed_over=times)
    assert not turns.has_to_yield(early, is_slow=True)

    Image.objects.filter(pk=early.pk).update(claimed_at=timezone.now() - timedelta(seconds=seconds + 1))
    assert turns.has_to_yield(early, is_slow=True)


@pytest.mark.parametrize(("times", "seconds"), [(1, 2), (3, 8), (5, 32), (6, 60), (50, 60)])
def test_who_has_made_room_often_is_not_interrupted_every_few_seconds(
    organizations: dict[str, Organization], times: int, seconds: float
) -> None:
    """Somebody whose pulls end at once could otherwise keep another's from ever getting further."""
    add_pull(organizations["b"], age=10)
    add_pull(organizations["a"], status="pulling", claimed=900, handed_over=times + 1)
    newest = add_pull(organizations["a"], status="pulling", claimed=seconds - 1, handed_over=times)
    assert not turns.has_to_yield(newest, is_slow=False)
    Image.objects.filter(pk=newest.pk).update(claimed_at=timezone.now() - timedelta(seconds=seconds + 1))
    assert turns.has_to_yield(newest, is_slow=False)


def test_another_one_makes_room_instead(organizations: dict[str, Organization]) -> None:
    add_pull(organizations["b"], age=10)
    older = add_pull(organizations["a"], status="pulling", claimed=5)
    newest = add_pull(organizations["a"], status="pulling", claimed=3, handed_over=4)
    assert [turns.has_to_yield(image, is_slow=False) for image in (older, newest)] == [True, False]


def test_nobody_with_fewer_makes_room_meanwhile(organizations: dict[str, Organization]) -> None:
    pulls = set_up(organizations, "a2 a1 b90", "c10")
    Image.objects.filter(organization=organizations["a"]).update(handed_over=4)
    assert yielding(pulls) == []


@pytest.mark.parametrize("why", ["later", "suspended", "full", "failed"])
def test_nobody_makes_room_for_what_can_not_begin(organizations: dict[str, Organization], why: str) -> None:
    pulls = set_up(organizations, "a90 a80", "b10")
    waiting = Image.objects.filter(organization=organizations["b"])
    if why == "later":
        waiting.update(not_before=timezone.now() + timedelta(seconds=30))
    elif why == "failed":
        waiting.update(status="failed")
    elif why == "suspended":
        set_quota(organizations["b"], suspended_at=timezone.now())
    else:
        set_quota(organizations["b"], max_pulls=1)
        pulls |= set_up(organizations, "b70", "")
    assert yielding(pulls) == []


def test_one_makes_room_for_each_that_waits(organizations: dict[str, Organization]) -> None:
    pulls = set_up(organizations, "a90 a80 a70 a60", "b10")
    Image.objects.filter(pk=pulls.pop("a60").pk).update(status="queued", yielded_at=timezone.now())
    assert yielding(pulls) == [], "its worker is about to begin the one of b"

    set_up(organizations, "", "c10")
    assert yielding(pulls) == ["a70"]

    Image.objects.filter(pk=pulls.pop("a70").pk).update(status="queued", yielded_at=timezone.now())
    assert yielding(pulls) == []

    Image.objects.filter(yielded_at__isnull=False).update(yielded_at=timezone.now() - timedelta(seconds=4))
    assert yielding(pulls) == ["a80"], "those workers are gone, or were needed for something else"


def test_a_dead_worker_is_not_waited_for(organizations: dict[str, Organization]) -> None:
    pulls = set_up(organizations, "a90 a80 a70", "b10")
    Image.objects.filter(pk=pulls["a70"].pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert yielding(pulls) == ["a80"]


def test_a_pull_that_another_worker_has_does_nothing(organizations: dict[str, Organization]) -> None:
    pulls = set_up(organizations, "a90 a80", "b10")
    Image.objects.filter(pk=pulls["a80"].pk).update(status="ready")
    assert yielding(pulls) == ["a90"], "the only one, and it had its slice"


def test_it_costs_one_query_while_nobody_else_waits(organizations: dict[str, Organization]) -> None:
    pulls = set_up(organizations, "a90", "a10 a9")
    with CaptureQueriesContext(connection) as queries:
        assert yielding(pulls) == []
    assert len(queries) == 1
