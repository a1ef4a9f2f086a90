"""How many checks an organization may start, and what the sweeper does about those that were left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from groups.actions import checks, lifecycle
from groups.actions.checks import TooManyChecks, start_check
from groups.ingest import check
from groups.models import ContainerGroup, ImageCheck
from groups.rules.states import move
from registries.credential_rows import NewCredential
from registries.foundation.actor import CONSOLE
from registries.models import Credential
from registries.oci.reference import parse
from tests.support.activity import recorded
from tests.support.actors import acting
from tests.support.pulls import make_credential, make_group


def outcomes(row: ImageCheck) -> dict[str, str]:
    return {line["name"]: line["outcome"] for line in row.steps}


def ago(**time: float) -> datetime:
    return timezone.now() - timedelta(**time)


def add(organization: Any, count: int, status: str, **columns: Any) -> None:
    """Checks that were started before; those still in progress have 5 minutes left unless `columns` says otherwise."""
    values = {"reference": "a", "registry": "a", "repository": "a", "version": "1", "platform": "linux/amd64"}
    rows = [
        ImageCheck(organization=organization, status=status, expires_at=ago(seconds=-300), **values)
        for _ in range(count)
    ]
    made = ImageCheck.objects.bulk_create(rows)
    ImageCheck.objects.filter(pk__in=[row.pk for row in made]).update(**columns)


class TestLimits:
    """Beside an organization that has started as many as it may."""

    @pytest.fixture
    def start(self, acme: Any, mallory: Any, no_redis: None) -> Callable[[], ImageCheck]:
        add(mallory.organizations.get(), 5, "running")
        add(mallory.organizations.get(), 55, "done")
        return lambda: start_check(
            organization_id=acme.pk, reference=parse("registry.example.com/a:1"), credential=None, by=CONSOLE
        )

    def test_five_at_once(self, start: Callable[[], ImageCheck], acme: Any) -> None:
        add(acme, 2, "running", expires_at=ago(seconds=1))
        add(acme, 2, "queued", expires_at=ago(seconds=1))
        add(acme, 2, "done")
        add(acme, 2, "failed")
        add(acme, 2, "running")
        rows = [start() for _ in range(3)]

        with pytest.raises(TooManyChecks, match=r"^5 checks are already in progress") as refused:
            start()

        assert (refused.value.code, refused.value.status, refused.value.retry_after) == ("too_many_checks", 429, 60)
        assert ImageCheck.objects.filter(organization=acme).count() == 13
        move(rows[0], to="failed")
        start()

    def test_the_time_is_asked_once_it_is_its_turn(self, start: Callable[[], ImageCheck]) -> None:
        with CaptureQueriesContext(connection) as asked:
            start()

        queries = [row["sql"] for row in asked.captured_queries]
        turn = next(place for place, sql in enumerate(queries) if "groups_quota" in sql)
        times = [place for place, sql in enumerate(queries) if sql.startswith("SELECT") and " FROM " not in sql]
        assert times
        assert turn < min(times)

    def test_sixty_an_hour(self, start: Callable[[], ImageCheck], acme: Any) -> None:
        add(acme, 30, "done", created_at=ago(seconds=3590))
        add(acme, 29, "failed", created_at=ago(seconds=10))
        add(acme, 30, "done", created_at=ago(seconds=3601))
        start()

        with pytest.raises(TooManyChecks, match="may check 60 images an hour"):
            start()

        ImageCheck.objects.filter(organization=acme, status="done").update(created_at=ago(seconds=3601))
        start()

    def test_a_full_organization_is_refused(self, start: Callable[[], ImageCheck], mallory: Any) -> None:
        umbrella = mallory.organizations.get()
        with pytest.raises(TooManyChecks, match="in progress"):
            start_check(organization_id=umbrella.pk, reference=parse("a"), credential=None, by=CONSOLE)

        ImageCheck.objects.update(status="done")
        with pytest.raises(TooManyChecks, match="an hour"):
            start_check(organization_id=umbrella.pk, reference=parse("a"), credential=None, by=CONSOLE)


def test_what_a_check_is_started_with(
    acme: Any, alice: Any, monkeypatch: pytest.MonkeyPatch, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    sent: list[tuple[str, str, str]] = []
    monkeypatch.setattr("groups.rules.wakeups.enqueue_job", lambda *job: sent.append(job))
    settings.PORTAL_PLATFORM = "linux/arm64"
    credential = make_credential(acme, "registry.example.com")
    reference = parse("registry.example.com/team/app:1")

    with django_capture_on_commit_callbacks(execute=True):
        row = start_check(organization_id=acme.pk, reference=reference, credential=credential, by=acting(alice))

    row.refresh_from_db()
    assert (row.organization, row.credential, row.created_by) == (acme, credential, alice)
    assert (row.reference, row.registry, row.repository, row.version) == (
        "registry.example.com/team/app:1", "registry.example.com", "team/app", "1",
    )  # fmt: skip
    assert (row.provider, row.platform, row.status, row.against) == ("self_hosted", "linux/arm64", "queued", None)
    assert timedelta(seconds=290) < row.expires_at - timezone.now() <= timedelta(seconds=300)
    assert sent == [("checks", "check", str(row.pk))]
    assert recorded() == [(alice.email, "credential.checked", "registry", "registry.example.com/team/app:1")]
    deadline = credential.deadline
    credential.refresh_from_db()
    assert credential.deadline == deadline, "a check doesn't extend how long it is kept"


def test_a_typed_credential_is_stored_and_recorded_with_its_check(acme: Any, alice: Any, no_redis: None) -> None:
    typed = NewCredential(
        provider="self_hosted", name="typed", host="a.example", values={"username": "u", "password": "p"}
    )

    row = start_check(organization_id=acme.pk, reference=parse("a.example/b"), credential=typed, by=acting(alice))

    assert row.credential == Credential.objects.get(organization=acme, created_by=alice)
    assert [line[1:3] for line in recorded()] == [("credential.added", "typed"), ("credential.checked", "typed")]


def test_a_check_without_a_credential_leaves_no_record(acme: Any, alice: Any, no_redis: None) -> None:
    row = start_check(organization_id=acme.pk, reference=parse("a"), credential=None, by=acting(alice))

    assert (row.provider, recorded()) == ("", [])


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

    @pytest.mark.parametrize("status", ["queued", "running"])
    def test_one_that_is_in_time_is_left_alone(self, row: ImageCheck, status: str) -> None:
        age = {"queued": 5, "running": 200}[status]
        ImageCheck.objects.update(status=status, expires_at=ago(seconds=-60), created_at=ago(seconds=age))

        assert (checks.end_overdue(), checks.wake_queued(), checks.remove_old()) == (0, 0, 0)

    @pytest.mark.parametrize("status", ["done", "failed"])
    def test_one_that_is_over_stays_as_it_is_for_an_hour(self, row: ImageCheck, status: str) -> None:
        ImageCheck.objects.update(status=status, expires_at=ago(seconds=60), created_at=ago(seconds=3590))

        assert (checks.end_overdue(), checks.wake_queued(), checks.remove_old()) == (0, 0, 0)
        assert ImageCheck.objects.get().status == status

    @pytest.mark.parametrize("status", ["queued", "running"])
    def test_an_overdue_one_ends_as_interrupted(self, row: ImageCheck, status: str) -> None:
        if status == "running":
            steps = [
                {"name": "resolve", "outcome": "ok", "detail": "", "raw": ""},
                {"name": "connect", "outcome": "running", "detail": "", "raw": ""},
            ]
            move(row, to=status, steps=steps)
        ImageCheck.objects.update(expires_at=ago(seconds=1))

        assert checks.end_overdue() == 1

        row.refresh_from_db()
        assert (row.status, row.code) == ("failed", "interrupted")
        assert outcomes(row) == ({"resolve": "ok", "connect": "failed"} if status == "running" else {})
        assert row.settled_at is not None
        check.check(row.pk)
        assert ImageCheck.objects.get().code == "interrupted"

    def test_one_that_gets_more_time_in_between_is_left_alone(
        self, row: ImageCheck, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A worker that takes it now extends it."""
        ImageCheck.objects.update(expires_at=ago(seconds=1))

        def extend_first(seen: ImageCheck, **options: Any) -> ImageCheck:
            ImageCheck.objects.update(expires_at=ago(seconds=-60))
            return move(seen, **options)

        monkeypatch.setattr(checks, "move", extend_first)

        assert checks.end_overdue() == 0
        assert ImageCheck.objects.get().status == "queued"

    def test_one_that_was_overlooked_is_woken(
        self, row: ImageCheck, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
    ) -> None:
        sent: list[tuple[str, str, str]] = []
        monkeypatch.setattr("groups.rules.wakeups.enqueue_job", lambda *job: sent.append(job))
        monkeypatch.setattr("groups.rules.wakeups.waiting", {"checks": 0}.__getitem__)
        ImageCheck.objects.update(created_at=ago(seconds=11))

        with django_capture_on_commit_callbacks(execute=True):
            assert checks.wake_queued() == 1
            ImageCheck.objects.update(expires_at=ago(seconds=1))
            assert checks.wake_queued() == 0, "it is overdue"

        assert sent == [("checks", "check", str(row.pk))]

    def test_old_ones_are_removed(self, row: ImageCheck, acme: Any) -> None:
        add(acme, 1, "done")
        ImageCheck.objects.filter(pk=row.pk).update(created_at=ago(seconds=3601))

        assert checks.remove_old() == 1
        assert not ImageCheck.objects.filter(pk=row.pk).exists()
