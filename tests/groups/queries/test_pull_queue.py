"""What an organization sees of its queue, which is nothing of others, and what operators see of all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from groups.models import Image, Quota
from groups.queries.group_detail import group_detail
from groups.queries.pull_queue import Place, place, read_turns
from portal.models import Organization
from tests.support.pull_queue import add_pull, make_organizations, set_last_claims
from tests.support.pulls import make_group
from tests.support.quotas import set_quota


@pytest.fixture
def organizations(db: None) -> dict[str, Organization]:
    return make_organizations("abc")


def test_a_place_counts_the_pulls_of_one_organization(organizations: dict[str, Organization]) -> None:
    first, second = (add_pull(organizations["a"], age=age) for age in (90, 80))
    for status in ("pulling", "pulling", "pulling", "ready", "failed"):
        add_pull(organizations["a"], status=status)
    add_pull(organizations["a"], age=500, not_before=timezone.now() + timedelta(seconds=60))
    before = place(first), place(second)
    assert before == (Place(3, 2, 1), Place(3, 2, 2))

    for status in ("pulling", "queued", "queued"):
        add_pull(organizations["b"], status=status, age=900)
    set_last_claims(organizations, {"b": 1})
    assert (place(first), place(second)) == before, "nothing of another organization changes what is seen"


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        (Place(0, 1, 1), "Waiting for a worker to take the pull."),
        (Place(1, 0, 1), "Waiting for a worker to take the pull."),
        (
            Place(3, 17, 5),
            "Waiting for a worker: 3 of your organization's pulls are in progress and 17 wait. This one is number 5.",
        ),
        (
            Place(1, 1, 1),
            (
                "Waiting for a worker: 1 of your organization's pulls is in progress and 1 waits. "
                "This one starts at your organization's next turn."
            ),
        ),
        (
            Place(0, 2, 2),
            "Waiting for a worker: 0 of your organization's pulls are in progress and 2 wait. This one is number 2.",
        ),
    ],
)
def test_a_place_in_words(seen: Place, sentence: str) -> None:
    assert seen.sentence == sentence


def test_the_groups_page_says_where_it_is(project: Any, no_redis: None) -> None:
    group = make_group(project, "registry.example.com/team/app:1.0")
    assert group_detail(group).sentence == "Waiting for a worker to take the pull."

    add_pull(project.organization, status="pulling")
    assert group_detail(group).sentence.startswith("Waiting for a worker: 1 of your organization's pulls is in")

    Image.objects.filter(pk=group.image_id).update(yielded_at=timezone.now())
    group.refresh_from_db()
    assert group_detail(group).sentence.startswith(
        "Paused: its turn was over. Stored layers are kept. Waiting for a worker: 1 of"
    )


def test_operators_see_the_turns_of_all(organizations: dict[str, Organization]) -> None:
    for name in "aab":
        add_pull(organizations[name], status="pulling")
    for name in "aaabc":
        add_pull(organizations[name], age=100)
    add_pull(organizations["c"], age=900, not_before=timezone.now() + timedelta(seconds=60))
    idle = make_organizations("d")["d"]
    add_pull(idle, status="ready")
    set_last_claims(organizations, {"a": 10, "b": 20})
    halted = make_organizations("h")["h"]
    add_pull(halted, age=900)
    set_quota(halted, suspended_at=timezone.now())

    lines = read_turns()

    assert [(line.organization, line.in_progress, line.waiting, line.later) for line in lines] == [
        ("c", 0, 1, 1),
        ("b", 1, 1, 0),
        ("a", 2, 3, 0),
        ("h", 0, 0, 1),
    ]
    assert [line.is_next for line in lines] == [True, False, False, False]
    assert [line.is_suspended for line in lines] == [False, False, False, True]
    assert lines[0].last_claim_at is None
    assert lines[1].last_claim_at == Quota.objects.get(pk=organizations["b"].pk).last_claim_at


def test_an_organization_without_a_quota_is_listed(organizations: dict[str, Organization]) -> None:
    add_pull(organizations["a"])
    Quota.objects.all().delete()
    assert [(line.organization, line.is_next) for line in read_turns()] == [("a", True)]
