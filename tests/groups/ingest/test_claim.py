"""One worker a pull: claim, lease, fence, hand-over, and what happens when any of it is lost."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from groups import jobs
from groups.actions import lifecycle
from groups.ingest import claim as claims
from groups.ingest import fenced_writes, outcome
from groups.ingest.claim import WorkerShutdown, claim
from groups.ingest.layers import Summary
from groups.ingest.steps import Name, PullSteps
from groups.models import ContainerGroup, Image, PullStep
from groups.rules.states import Stale
from groups.sweep import sweep
from portal.models import Organization, Project
from registries.failures import Interrupted, RegistryUnreachable
from registries.foundation.actor import CONSOLE
from registries.foundation.ids import ImageId
from registries.models import Credential
from tests.groups.ingest.conftest import again
from tests.support.fakes.images import make_layer
from tests.support.fakes.registry import FakeRegistry
from tests.support.pulls import decrypted, make_credential, make_group, stored_files


@pytest.fixture
def image(acme: Organization, project: Project, woken: list[tuple[str, str]]) -> Image:
    """An image that waits to be pulled."""
    return make_group(project, "registry.example.com/team/app:1.0").image


def until(what: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_claim_is_given_once(image: Image) -> None:
    first = claim(image.pk)

    assert first is not None
    assert claim(image.pk) is None
    image.refresh_from_db()
    assert (image.status, image.attempt, image.lease) == ("pulling", 1, first.lease)
    assert image.lease_expires_at is not None
    assert timedelta(seconds=50) < image.lease_expires_at - timezone.now() <= timedelta(seconds=60)


@pytest.mark.django_db
def test_there_is_nothing_to_claim_for_an_image_that_is_gone() -> None:
    assert claim(ImageId(uuid.uuid4())) is None


def test_a_pull_is_not_claimed_before_its_time(image: Image) -> None:
    Image.objects.update(not_before=timezone.now() + timedelta(seconds=60))
    assert claim(image.pk) is None

    Image.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    assert claim(image.pk) is not None


def test_two_workers_with_the_same_job(shared: Project, basic_registry: FakeRegistry) -> None:
    basic_registry.push_image("team/app", "1.0", layers=[b"x" * 100_000])
    credential = make_credential(shared.organization, basic_registry.host)
    group = make_group(shared, f"{basic_registry.host}/team/app:1.0", credential=credential)

    def work() -> None:
        jobs.pull(str(group.image_id))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    group = ContainerGroup.objects.get()
    assert (group.status, group.image.attempt) == ("stopped", 1)
    assert len(basic_registry.requests_to("/manifests/")) == 1


def test_whoever_lost_the_lease_writes_nothing(image: Image) -> None:
    old = claim(image.pk)
    assert old is not None
    outcome.fail(old, Interrupted(), step="layers")
    Image.objects.update(not_before=None)
    new = claim(image.pk)
    assert new is not None
    before = Image.objects.values().get()

    with pytest.raises(Stale), PullSteps(old).step(Name.RESOLVE):
        pass
    with pytest.raises(Stale):
        fenced_writes.write_progress(old, {})
    with pytest.raises(Stale):
        outcome.finish(old)
    with pytest.raises(Stale):
        outcome.fail(old, Interrupted(), step="layers")
    with pytest.raises(Stale):
        outcome.release(old)
    assert not old.renew()
    with pytest.raises(Stale):
        old.check()

    assert Image.objects.values().get() == before
    assert not PullStep.objects.filter(attempt=2).exists()
    new.check()


def test_the_heartbeat_renews_the_lease(shared: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "HEARTBEATS_PER_LEASE", 1200)
    image = make_group(shared, "registry.example.com/team/app:1.0").image
    held = claim(image.pk)
    assert held is not None
    Image.objects.update(lease_expires_at=timezone.now())

    with held.kept_alive():
        until(lambda: Image.objects.get().lease_expires_at > timezone.now() + timedelta(seconds=30))  # type: ignore[operator]


def test_the_heartbeat_notices_that_the_claim_is_gone(shared: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "HEARTBEATS_PER_LEASE", 1200)
    image = make_group(shared, "registry.example.com/team/app:1.0").image
    held = claim(image.pk)
    assert held is not None

    with held.kept_alive():
        held.check()
        Image.objects.update(lease=uuid.uuid4())
        until(held._lost.is_set)

    with pytest.raises(Stale):
        held.check()


def test_an_attempt_that_takes_too_long_is_given_up(image: Image) -> None:
    held = claim(image.pk)
    assert held is not None
    held._began -= claims.MAX_ATTEMPT_SECONDS + 1

    with pytest.raises(RegistryUnreachable):
        held.check()


@pytest.fixture
def slow(shared: Project, basic_registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> ContainerGroup:
    """A group whose second layer never comes to its end, so that there is time to interfere."""
    monkeypatch.setattr("groups.ingest.layers.PROGRESS_SECONDS", 0.05)
    layers = [make_layer({"a": b"fast" * 9}), make_layer({"b": b"slow" * 500_000}, level=0)]
    pushed = basic_registry.push_image("team/app", "1.0", layers=layers)
    basic_registry.fault(pushed.layer_digests[1], stall_after=1_900_000, times=1)
    credential = make_credential(shared.organization, basic_registry.host)
    return make_group(shared, f"{basic_registry.host}/team/app:1.0", credential=credential)


def in_thread(work: Callable[[], None]) -> threading.Thread:
    """Run `work` in a thread with a database connection of its own."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def layer_came() -> bool:
    """Whether the fast layer is there and the slow one on its way."""
    image = Image.objects.get()
    return (
        image.layers.filter(committed_at__isnull=False).exists()
        and image.layers.filter(committed_at__isnull=True, received__gt=0).exists()
    )


def test_progress_is_seen_while_layers_come(slow: ContainerGroup) -> None:
    thread = in_thread(lambda: jobs.pull(str(slow.image_id)))
    until(lambda: Image.objects.get().layers.filter(position=1, received__gt=0).exists())
    Image.objects.update(lease=uuid.uuid4())
    thread.join(10)
    assert not thread.is_alive()


def test_deleting_the_group_stops_its_pull_and_leaves_no_blob(slow: ContainerGroup, blobs: Path) -> None:
    thread = in_thread(lambda: jobs.pull(str(slow.image_id)))
    until(layer_came)

    lifecycle.delete(slow, by=CONSOLE)
    thread.join(10)

    assert not thread.is_alive()
    assert stored_files(blobs) == []
    assert not Image.objects.exists()


@pytest.mark.parametrize(
    ("where", "how"), [("/v2/", {"delay": 60}), ("/manifests/", {"delay": 60}), ("/blobs/", {"stall_after": 70_000})]
)
def test_deleting_the_group_ends_what_waits_for_the_registry(
    shared: Project, blobs: Path, basic_registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch, where: str, how: Any
) -> None:
    monkeypatch.setattr(claims, "HEARTBEATS_PER_LEASE", 1200)
    basic_registry.push_image("team/app", "1.0", layers=[os.urandom(100_000)])
    basic_registry.fault(where, **how)
    group = make_group(
        shared,
        f"{basic_registry.host}/team/app:1.0",
        credential=make_credential(shared.organization, basic_registry.host),
    )
    thread = in_thread(lambda: jobs.pull(str(group.image_id)))
    until(lambda: basic_registry.requests_to(where))

    lifecycle.delete(group, by=CONSOLE)
    thread.join(5)

    assert not thread.is_alive()
    assert stored_files(blobs) == []
    assert not Credential.objects.filter(destroyed_at=None).exists()


def test_a_worker_taken_for_dead_leaves_the_next_one_its_layers(slow: ContainerGroup, blobs: Path) -> None:
    thread = in_thread(lambda: jobs.pull(str(slow.image_id)))
    until(layer_came)
    Image.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert sweep()["leases_expired"] == 1
    thread.join(10)
    assert not thread.is_alive()
    image = Image.objects.get()
    assert (image.status, image.retry_code) == ("queued", "interrupted")
    assert len(stored_files(blobs)) == 1

    group = again(slow)

    assert (group.status, group.image.attempt) == ("stopped", 2)
    assert all(decrypted(layer) for layer in group.image.layers.all())
    assert len(stored_files(blobs)) == 2


def test_a_worker_returns_its_pull_on_sigterm(
    slow: ContainerGroup, blobs: Path, monkeypatch: pytest.MonkeyPatch, woken: list[tuple[str, str]]
) -> None:
    def told_to_end(*arguments: object) -> None:
        raise WorkerShutdown

    monkeypatch.setattr("groups.ingest.layers.fenced_writes.write_progress", told_to_end)
    woken.clear()

    jobs.pull(str(slow.image_id))

    monkeypatch.undo()
    image = Image.objects.get()
    assert (image.status, image.lease, image.not_before) == ("queued", None, None)
    assert (image.attempt, image.handed_over) == (1, 1)
    assert image.credential is not None
    assert image.credential.is_live
    assert all(step.outcome != "running" for step in image.steps.all())
    assert woken == [("pulls", str(image.pk))]


def test_a_database_that_fails_in_between_is_an_interruption(
    slow: ContainerGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    def away(*arguments: object) -> None:
        raise OperationalError("the connection is closed")

    monkeypatch.setattr(outcome, "finish", away)
    monkeypatch.setattr("groups.ingest.pipeline.pull_layers", lambda *arguments: Summary())
    monkeypatch.setattr("groups.ingest.pipeline._check_stored", lambda *arguments: 2)

    jobs.pull(str(slow.image_id))

    image = Image.objects.get()
    assert (image.status, image.retry_code) == ("queued", "interrupted")


@pytest.mark.parametrize("text", ["", "not-an-id", "../../etc/passwd", "00000000-0000-4000-8000-000000000000"])
@pytest.mark.django_db
def test_a_job_without_a_row_ends_quietly(text: str) -> None:
    jobs.pull(text)
    jobs.prepare(text)
