"""Pulls, checks, charts and instances by the database's clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from groups.actions import checks
from groups.actions.lifecycle import start
from groups.ingest import failed_attempts, outcome
from groups.ingest.claim import claim
from groups.ingest.outages import note_outages
from groups.ingest.steps import Name, PullSteps
from groups.models import FailedAttempt, Image, ImageCheck, Instance, Outage
from groups.nodes.report import Reported
from groups.nodes.restarts import before_restart
from groups.queries.attention import count_alerts
from groups.queries.failure_series import SPANS, series
from groups.queries.group_detail import group_detail
from groups.queries.metrics import GroupMetrics
from groups.queries.outages import outages_at
from groups.rules.states import move
from groups.sweep import expire_leases, remove_images, sweep, wake_pulls
from registries import actions as credentials
from registries.failures import RegistryUnreachable
from registries.foundation.actor import CONSOLE, PORTAL
from registries.foundation.clock import database_now
from registries.models import Credential
from registries.oci.reference import parse
from tests.support.outages import fail_attempts, organizations
from tests.support.pulls import make_credential, make_group
from tests.two_clocks.times import ago, in_about

HOST = "registry.example.com"
IMAGE = f"{HOST}/team/app:1"
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def test_a_credential_is_kept_for_an_hour(acme: Any) -> None:
    row = make_credential(acme, HOST)
    assert in_about(row.received_at)
    assert in_about(row.deadline, hours=1)
    for left, lives in ((MINUTE, True), (-MINUTE, False)):
        Credential.objects.update(deadline=database_now() + left)
        row.refresh_from_db()
        assert (row.is_live, Credential.objects.live().exists()) == (lives, lives)
    assert credentials.destroy_overdue(by=PORTAL) == 1


def test_a_pull_and_its_lease(project: Any, settings: Any) -> None:
    credential = make_credential(project.organization, HOST)
    group = make_group(project, IMAGE, credential=credential)
    credential.refresh_from_db()
    retry = settings.PORTAL_PULL_RETRY_SECONDS
    assert in_about(credential.deadline, seconds=retry + 3600)
    assert in_about(group.image.created_at)
    assert in_about(group.image.retry_until, seconds=retry)
    assert in_about(group.created_at)
    assert in_about(group.changed_at)

    claimed = claim(group.image_id)
    assert claimed is not None
    group.image.refresh_from_db()
    with PullSteps(claimed).step(Name.RESOLVE):
        line = next(line for line in group_detail(group).steps if line.name == "resolve")
        assert line.seconds is not None
        assert 0 <= line.seconds < 60
    assert expire_leases() == 0

    assert outcome.fail(claimed, RegistryUnreachable(host=HOST, reason="gone"), step="resolve")
    image = Image.objects.get()
    assert image.not_before is not None
    assert timedelta(0) < image.not_before - database_now() < MINUTE
    assert claim(image.pk) is None
    Image.objects.update(not_before=ago(seconds=1))
    assert claim(image.pk) is not None
    Image.objects.update(lease_expires_at=ago(seconds=1))
    assert expire_leases() == 1


def test_the_last_attempt_starts_before_the_end_of_the_time_for_retries(project: Any) -> None:
    group = make_group(project, IMAGE)
    for left, again in ((timedelta(seconds=30), True), (-SECOND, False)):
        Image.objects.update(status="queued", not_before=None, retry_until=database_now() + left)
        claimed = claim(group.image_id)
        assert claimed is not None
        assert outcome.fail(claimed, RegistryUnreachable(host=HOST, reason="gone"), step="resolve") is again


def test_what_the_sweeper_wakes_and_removes(
    project: Any, woken: list[str], django_capture_on_commit_callbacks: Any, settings: Any
) -> None:
    group = make_group(project, IMAGE)
    for age, count in ((8, 0), (12, 1)):
        Image.objects.update(created_at=ago(seconds=age))
        assert wake_pulls() == count
    image_id = group.image_id
    group.delete()
    for more, count in ((-60, 0), (60, 1)):
        Image.objects.update(created_at=ago(seconds=settings.PORTAL_BLOB_GRACE_SECONDS + more))
        assert remove_images() == count
    assert not Image.objects.filter(pk=image_id).exists()


def test_checks(acme: Any) -> None:
    row = checks.start_check(organization_id=acme.pk, reference=parse(IMAGE), credential=None, by=CONSOLE)
    assert in_about(row.created_at)
    assert in_about(row.expires_at, seconds=300)
    for age, count in ((8, 0), (12, 1)):
        ImageCheck.objects.update(created_at=ago(seconds=age))
        assert checks.wake_queued() == count
    for left, count in ((MINUTE, 0), (-MINUTE, 1)):
        ImageCheck.objects.update(expires_at=database_now() + left)
        assert checks.end_overdue() == count
    for age, count in ((59 * 60, 0), (61 * 60, 1)):
        ImageCheck.objects.update(created_at=ago(seconds=age))
        assert checks.remove_old() == count


def test_limits_of_checks(acme: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def check() -> None:
        checks.start_check(organization_id=acme.pk, reference=parse(IMAGE), credential=None, by=CONSOLE)

    monkeypatch.setattr(checks, "MAX_AT_ONCE", 1)
    check()
    ImageCheck.objects.update(expires_at=database_now() + MINUTE)
    with pytest.raises(checks.TooManyChecks):
        check()
    ImageCheck.objects.update(expires_at=ago(minutes=1))
    check()

    monkeypatch.setattr(checks, "MAX_AT_ONCE", 100)
    monkeypatch.setattr(checks, "MAX_AN_HOUR", 2)
    ImageCheck.objects.update(created_at=ago(minutes=59))
    with pytest.raises(checks.TooManyChecks):
        check()
    ImageCheck.objects.update(created_at=ago(minutes=61))
    check()


def test_charts_and_alerts(acme: Any) -> None:
    assert count_alerts().sweeper_is_missing
    sweep(thorough=False)
    seconds = count_alerts().sweeper_seconds
    assert seconds is not None
    assert seconds < 60

    rows = [
        FailedAttempt(organization=acme, kind="docker_hub", code="registry_unreachable", step="connect", final=True)
        for _ in range(5)
    ]
    FailedAttempt.objects.bulk_create(rows)
    assert in_about(rows[0].created_at)
    shown = series(SPANS["hours"])
    assert sum(sum(counts) for counts in shown.by_kind.values()) == 5
    assert timedelta(0) <= database_now() - shown.moments[-1] <= timedelta(hours=1)
    for age, count in ((timedelta(days=30) - MINUTE, 0), (timedelta(days=30) + MINUTE, 5)):
        FailedAttempt.objects.update(created_at=database_now() - age)
        assert failed_attempts.delete_old() == count


def test_an_outage_begins_and_ends(acme: Any) -> None:
    customers = organizations(3)
    fail_attempts(customers, database_now(), 2, 1)
    assert note_outages() == 1
    (notice,) = outages_at(["ghcr.io"])
    assert in_about(notice.outage.began_at, minutes=-2)
    FailedAttempt.objects.update(created_at=ago(minutes=11))
    assert note_outages() == 1
    assert [notice.outage.is_over for notice in outages_at(["ghcr.io"])] == [True]
    Outage.objects.update(ended_at=ago(minutes=31))
    assert outages_at(["ghcr.io"]) == []


def test_how_long_a_pull_has_waited(project: Any) -> None:
    group = make_group(project, IMAGE)
    Image.objects.filter(pk=group.image_id).update(created_at=ago(minutes=5))
    (waited,) = (family for family in GroupMetrics().collect() if family.name == "drayage_pull_wait_seconds")

    assert 300 <= waited.samples[0].value < 360


def test_an_instance_that_ran_for_ten_minutes_is_steady(project: Any) -> None:
    group = make_group(project, IMAGE)
    move(group, to="stopped")
    start(group, by=CONSOLE)
    instance = Instance.objects.get()
    assert in_about(instance.created_at)
    assert in_about(instance.changed_at)

    instance.state, instance.exits = "running", 3
    reported = Reported(instance.pk, "exited", exit_code=1)
    for minutes, exits in ((9, 4), (11, 1)):
        instance.changed_at = ago(minutes=minutes)
        assert before_restart(instance, reported).values["exits"] == exits
