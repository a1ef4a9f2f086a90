"""Sweeper, metrics and the operators' pages agree about what is due, silent and overdue."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client
from django.utils import timezone

from groups.models import Image, Node
from groups.queries.attention import STUCK_AFTER, count_alerts, stuck_pulls
from groups.queries.metrics import GroupMetrics
from groups.sweep import wake_pulls
from portal.operations.workers import read_pulls
from registries.models import Credential
from tests.support.pulls import make_credential, make_group
from tests.support.quotas import set_quota

IMAGE = "registry.example.com/team/app:1"
LONG_AGO = timedelta(hours=2)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh() -> None:
    caches["node_calls"].clear()


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The pulls that a pass of the sweeper wakes."""

    def sweep() -> set[Any]:
        found: list[Any] = []

        def note(queue: str, wake: Any, due: list[Any]) -> int:
            found.extend(due)
            return len(due)

        monkeypatch.setattr("groups.sweep.wake_again", note)
        wake_pulls()
        return set(found)

    return sweep


def metric(name: str) -> float:
    (family,) = (family for family in GroupMetrics().collect() if family.name == f"drayage_{name}")
    return float(family.samples[0].value)


def pull(project: Any, name: str, *, since: timedelta = LONG_AGO, **columns: Any) -> Image:
    """A queued pull that came due so long ago."""
    image = make_group(project, IMAGE, name=name).image
    Image.objects.filter(pk=image.pk).update(**{"created_at": timezone.now() - since, **columns})
    return image


def pulling(project: Any, name: str, *, expires_in: timedelta) -> Image:
    lease: dict[str, Any] = {
        "lease": uuid.uuid4(),
        "lease_expires_at": timezone.now() + expires_in,
        "status": "pulling",
    }
    return pull(project, name, **lease)


def agree_on(stuck: set[Image], woken: set[Any]) -> None:
    """Hold all of them to the pulls that wait, of which none may be missing."""
    waiting = {image.pk for image in stuck}
    assert woken == waiting
    assert {image.pk for image in stuck_pulls()} == waiting
    assert count_alerts().pulls_stuck == len(waiting)
    oldest = read_pulls().oldest
    assert (oldest is not None and oldest.pk in waiting) if stuck else oldest is None
    assert (metric("pull_wait_seconds") > STUCK_AFTER.total_seconds()) == bool(stuck)


def test_one_of_everything(project: Any, woken: Any) -> None:
    now = timezone.now()
    never_tried = pull(project, "never-tried")
    retry_due = pull(project, "retry-due", not_before=now - LONG_AGO)
    pull(project, "retry-later", not_before=now + LONG_AGO)
    pull(project, "just-made", since=timedelta(0))
    pull(project, "ready", status="ready")
    pull(project, "failed", status="failed")
    pulling(project, "at-work", expires_in=LONG_AGO)

    agree_on({never_tried, retry_due}, woken())


def test_a_worker_that_is_gone_is_stuck_and_waits_for_no_worker(project: Any, woken: Any) -> None:
    lost = pulling(project, "lost", expires_in=-LONG_AGO)

    assert woken() == set()
    assert list(stuck_pulls()) == [lost]
    assert list(Image.objects.abandoned()) == [lost]
    assert metric("pull_wait_seconds") == 0


def test_who_waits_for_a_turn_waits_for_no_worker(acme: Any, project: Any, woken: Any) -> None:
    set_quota(acme, max_pulls=1)
    pulling(project, "at-work", expires_in=LONG_AGO)
    pull(project, "next")

    agree_on(set(), woken())


def test_of_those_that_have_room_the_oldest_is_missed(acme: Any, project: Any, woken: Any) -> None:
    set_quota(acme, max_pulls=2)
    pulling(project, "at-work", expires_in=LONG_AGO)
    oldest = pull(project, "oldest", since=2 * LONG_AGO)
    pull(project, "next")

    agree_on({oldest}, woken())


def test_a_turn_that_came_a_moment_ago_is_no_long_wait(acme: Any, project: Any, woken: Any) -> None:
    set_quota(acme, max_pulls=1)
    pull(project, "done", status="ready", settled_at=timezone.now() - timedelta(seconds=5))
    following = pull(project, "next")

    assert woken() == {following.pk}
    assert not stuck_pulls()
    assert 5 <= metric("pull_wait_seconds") < 60


def test_a_suspended_organization_waits_for_nobody(acme: Any, project: Any, woken: Any) -> None:
    pull(project, "halted")
    set_quota(acme, suspended_at=timezone.now())

    agree_on(set(), woken())


def test_silent_nodes() -> None:
    now = timezone.now()
    for name, seen, status in (
        ("here", now, "active"),
        ("silent", now - LONG_AGO, "active"),
        ("drained", now - LONG_AGO, "draining"),
        ("never", None, "active"),
        ("removed", now - LONG_AGO, "removed"),
        ("removed-now", now, "removed"),
    ):
        Node.objects.create(name=name, public_key="k", last_seen_at=seen, status=status)

    assert {node.name for node in Node.objects.silent()} == {"silent", "drained"}
    assert {node.name for node in Node.objects.present()} == {"here"}
    assert count_alerts().nodes_silent == 2
    assert metric("nodes_present") == 1


def test_overdue_credentials(acme: Any, operator: Client) -> None:
    now = timezone.now()
    made = {}
    for name, deadline in (("live", LONG_AGO), ("expired", -timedelta(seconds=5)), ("overdue", -LONG_AGO)):
        made[name] = make_credential(acme, "registry.example.com")
        Credential.objects.filter(pk=made[name].pk).update(name=name, deadline=now + deadline)
    gone = make_credential(acme, "registry.example.com")
    Credential.objects.filter(pk=gone.pk).update(sealed=None, epoch=None, destroyed_at=now, deadline=now - LONG_AGO)

    assert [row.name for row in Credential.objects.live()] == ["live"]
    assert {row.name for row in Credential.objects.expired()} == {"expired", "overdue"}
    assert count_alerts().credentials_overdue == metric("credentials_overdue") == 1
    assert metric("credentials_held") == 3
    page = operator.get("/admin/registries/credential/?overdue=yes").content.decode()
    assert [str(row.pk) in page for row in made.values()] == [False, False, True]
    for row in (*made.values(), gone):
        row.refresh_from_db()
        assert row.is_live == Credential.objects.live().filter(pk=row.pk).exists()
        assert row.is_held == Credential.objects.held().filter(pk=row.pk).exists()
