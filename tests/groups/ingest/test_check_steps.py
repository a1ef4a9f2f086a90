"""How a check ends early: an unforeseen error, a worker that has to end, its deadline, a second job."""

from __future__ import annotations

import os
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from groups import jobs
from groups.actions import checks
from groups.actions.checks import start_check
from groups.ingest import check_steps
from groups.ingest.claim import WorkerShutdown
from groups.models import ImageCheck
from portal.models import Organization
from registries.foundation.actor import CONSOLE
from registries.oci import config
from registries.oci.config import Config
from registries.oci.manifest import Manifest
from registries.oci.platform import Platform
from registries.oci.reference import parse
from tests.groups.ingest.conftest import Checked, outcomes
from tests.support.fakes.registry import FakeRegistry
from tests.support.pulls import make_credential


@pytest.fixture
def registry(basic_registry: FakeRegistry) -> FakeRegistry:
    """With an image of three layers."""
    basic_registry.push_image("team/app", "1.0", [os.urandom(2_000), os.urandom(90_000), os.urandom(300)])
    return basic_registry


def test_an_unforeseen_error(registry: FakeRegistry, checked: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("canary-words")

    monkeypatch.setattr("groups.ingest.platform_choice.read_config", broken)

    row = checked(registry)

    assert (row.status, row.code, outcomes(row)["platform"]) == ("failed", "unexpected", "failed")
    assert "canary-words" not in str(ImageCheck.objects.values().get())


def test_a_worker_that_has_to_end(registry: FakeRegistry, checked: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    def shut_down(*arguments: object) -> None:
        raise WorkerShutdown

    monkeypatch.setattr("groups.ingest.platform_choice.read_config", shut_down)

    with pytest.raises(WorkerShutdown):
        checked(registry)

    row = ImageCheck.objects.get()
    assert (row.status, row.code) == ("failed", "interrupted")
    assert "check" in row.words.title.lower()


def test_no_step_begins_after_its_time(
    registry: FakeRegistry, checked: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_steps, "MAX_CHECK_SECONDS", -1)

    row = checked(registry)

    assert (row.status, row.code, row.raw) == ("failed", "registry_unreachable", "deadline")
    assert registry.seen == []


@pytest.mark.django_db(transaction=True)
def test_the_job_finds_its_row_once(registry: FakeRegistry, acme: Organization, woken: list[tuple[str, str]]) -> None:
    reference = parse(f"{registry.host}/team/app:1.0")
    row = start_check(
        organization_id=acme.pk, reference=reference, credential=make_credential(acme, registry.host), by=CONSOLE
    )
    assert woken == [("checks", str(row.pk))]

    jobs.check(str(row.pk))
    seen = len(registry.seen)
    jobs.check(str(row.pk))
    jobs.check(str(uuid.uuid4()))

    row.refresh_from_db()
    assert row.status == "done"
    assert len(registry.seen) == seen


def test_a_check_that_was_ended_writes_nothing_more(
    registry: FakeRegistry, checked: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = config.read_config

    def slow(raw: bytes, manifest: Manifest, platform: Platform) -> Config:
        ImageCheck.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        checks.end_overdue()
        return really(raw, manifest, platform)

    monkeypatch.setattr("groups.ingest.platform_choice.read_config", slow)

    row = checked(registry)

    assert (row.status, row.code, row.size) == ("failed", "interrupted", None)
