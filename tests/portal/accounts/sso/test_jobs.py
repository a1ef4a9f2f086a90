"""The worker's jobs of single sign-on: found by their names, called with an id, and never raising."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.utils.module_loading import import_string

from groups.queues.wakeup import KINDS
from portal.models import SsoProvider, SsoSignIn
from tests.support.identity_providers import SsoBrowser

JOBS = sorted(job for job, kind in KINDS.items() if kind.queue == "sign_ins")


@pytest.fixture(autouse=True)
def _stays_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("groups.jobs.close_old_connections", lambda: None)


def job(name: str) -> Any:
    """The function that a worker runs."""
    return import_string(django_settings.WAKEUP_JOBS[name])


@pytest.mark.django_db
def test_a_worker_reads_the_provider_and_verifies_the_sign_in(acme_provider: SsoProvider) -> None:
    SsoProvider.objects.update(configuration="", checked_at=None)
    browser = SsoBrowser()
    waiting = browser.start("acme")
    assert browser.client.get(waiting).headers["Refresh"] == "1", "it waits for a worker"
    job("configure")(str(acme_provider.pk))
    browser.come_back(browser.go_to_provider(waiting))
    assert browser.client.get(waiting).headers["Refresh"] == "1"
    row = SsoSignIn.objects.get()
    job("sign_in")(str(row.pk))
    job("sign_in")(str(row.pk))
    row.refresh_from_db()
    assert (row.status, row.sealed) == ("verified", None)


@pytest.mark.django_db
@pytest.mark.parametrize("name", JOBS)
@pytest.mark.parametrize("row", [str(uuid.UUID(int=7)), "no id"])
def test_a_job_without_its_row_ends_quietly(name: str, row: str) -> None:
    job(name)(row)


def test_people_wait_for_them_so_they_are_taken_first() -> None:
    from portal.runtime import services

    assert JOBS == ["configure", "find_domain", "refresh", "sign_in", "sign_out"]
    for child in (services.worker(1), services.short_worker()):
        queues = [part for part in child.command if part in {kind.queue for kind in KINDS.values()}]
        assert queues[0] == "sign_ins"
