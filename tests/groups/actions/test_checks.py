"""How many checks an organization may start, and what the sweeper does about those that were left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from groups.actions import checks, lifecycle
from groups.actions.checks import TooManyChecks, start_check
from groups.ingest import check
from groups.models import ContainerGroup, ImageCheck
from groups.rules.states import move
from registries.foundation.actor import CONSOLE
from registries.oci.reference import parse
from tests.support.pulls import make_group


def outcomes(row: ImageCheck) -> dict[str, str]:
    return {line["name"]: line["outcome"] for line in row.steps}


class TestLimits:
    @pytest.fixture
    def start(self, acme: Any, no_redis: None) -> Callable[[], ImageCheck]:
        return lambda: start_check(
            organization_id=acme.pk, reference=parse("registry.example.com/a:1"), credential=None, by=CONSOLE
        )

    def test_few_at_once(self, start: Callable[[], ImageCheck], mallory: Any) -> None:
        rows = [start() for _ in range(checks.MAX_AT_ONCE)]
        with pytest.raises(TooManyChecks, match="in progress"):
            start()

        start_check(
            organization_id=mallory.memberships.get().organization_id, reference=parse("a"), credential=None, by=CONSOLE
        )
        move(rows[0], to="failed")
        start()

    def test_not_too_many_an_hour(self, start: Callable[[], ImageCheck]) -> None:
        for _ in range(checks.MAX_AN_HOUR):
            move(start(), to="failed")
        with pytest.raises(TooManyChecks, match="images an hour"):
            start()

        ImageCheck.objects.update(created_at=timezone.now() - timedelta(hours=2))
        start()


@pytest.mark.django_db(transaction=True)
def test_a_group_that_was_deleted_is_not_compared_with(project: Any, no_redis: None) -> None:
    group = make_group(project, "registry.example.com/a:1")
    lifecycle.delete(ContainerGroup.objects.get(pk=group.pk), by=CONSOLE)
    row = start_check(
        organization_id=group.organization_id, reference=parse("a"), credential=None, against=group, by=CONSOLE
    )

    assert row.against is None


class TestSweeping:
    @pytest.fixture
    def row(self, acme: Any, no_redis: None) -> ImageCheck:
        return start_check(
            organization_id=acme.pk, reference=parse("registry.example.com/a:1"), credential=None, by=CONSOLE
        )

    def test_one_that_is_in_time_is_left_alone(self, row: ImageCheck) -> None:
        assert (checks.end_overdue(), checks.wake_queued(), checks.remove_old()) == (0, 0, 0)

    @pytest.mark.parametrize("status", ["queued", "running"])
    def test_an_overdue_one_ends_as_interrupted(self, row: ImageCheck, status: str) -> None:
        if status == "running":
            move(row, to=status, steps=[{"name": "resolve", "outcome": "running", "detail": "", "raw": ""}])
        ImageCheck.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

        assert checks.end_overdue() == 1

        row.refresh_from_db()
        assert (row.status, row.code) == ("failed", "interrupted")
        assert set(outcomes(row).values()) <= {"failed"}
        check.check(row.pk)
        assert ImageCheck.objects.get().code == "interrupted"

    def test_one_that_was_overlooked_is_woken(self, row: ImageCheck) -> None:
        ImageCheck.objects.update(created_at=timezone.now() - timedelta(seconds=30))

        assert checks.wake_queued() == 1

    def test_old_ones_are_removed(self, row: ImageCheck) -> None:
        ImageCheck.objects.update(created_at=timezone.now() - timedelta(hours=2))

        assert checks.remove_old() == 1
