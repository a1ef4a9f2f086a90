"""What the sweeper sets right, and what it leaves alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import OperationalError
from django.utils import timezone

from groups import sweep as sweeper
from groups.ingest.claim import claim
from groups.models import ContainerGroup, Failure, Image, Instance, Node, NodeManifest, SweepPass
from groups.sweep import sweep
from portal.models import Project
from registries.models import Credential
from tests.support.pulls import make_credential, make_group, step_outcomes

HOST = "registry.example.com"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Wake-ups that left."""
    calls: list[tuple[str, str]] = []
    monkeypatch.setattr("groups.rules.wakeups.enqueue_job", lambda queue, function, row: calls.append((function, row)))
    monkeypatch.setattr("groups.rules.wakeups.waiting", lambda queue: 0)
    return calls


@pytest.fixture
def group(transactional_db: None, project: Project, sent: list[tuple[str, str]], blobs: Path) -> ContainerGroup:
    """A pending group, woken already."""
    made = make_group(project, f"{HOST}/team/app:1.0", credential=make_credential(project.organization, HOST))
    sent.clear()
    return made


def ago(**time: int) -> datetime:
    return timezone.now() - timedelta(**time)


def test_a_pass_over_nothing_does_nothing(group: ContainerGroup, sent: list[tuple[str, str]]) -> None:
    assert not any(sweep().values())
    assert sent == []


def test_a_dead_workers_pull_is_tried_again(group: ContainerGroup) -> None:
    held = claim(group.image_id)
    assert held is not None
    assert not any(sweep().values())
    Image.objects.update(lease_expires_at=ago(seconds=1))

    assert sweep()["leases_expired"] == 1

    image = Image.objects.get()
    assert (image.status, image.lease, image.retry_code) == ("queued", None, "interrupted")
    assert image.credential is not None
    assert image.credential.is_live
    assert not any(sweep().values())


def test_a_pull_that_kills_its_workers_ends(group: ContainerGroup) -> None:
    for _ in range(3):
        Image.objects.update(not_before=None)
        assert claim(group.image_id) is not None
        Image.objects.update(lease_expires_at=ago(seconds=1))
        assert sweep()["leases_expired"] == 1

    group.refresh_from_db()
    assert group.status == "failed"
    failure = Failure.objects.get()
    assert (failure.code, failure.attempt, failure.step) == ("interrupted", 3, "resolve")
    credential = group.image.credential
    assert credential is not None
    assert credential.is_live, "it is not what failed"
    assert not any(sweep().values())

    Credential.objects.update(deadline=ago(seconds=1))
    assert sweep()["credentials_destroyed"] == 1
    credential.refresh_from_db()
    assert (credential.sealed, credential.destroyed_because) == (None, "deadline")


def test_a_step_that_was_under_way_is_closed(group: ContainerGroup) -> None:
    held = claim(group.image_id)
    assert held is not None
    held.image.steps.create(attempt=1, name="resolve", outcome="ok")
    held.image.steps.create(attempt=1, name="connect")
    Image.objects.update(lease_expires_at=ago(seconds=1), retry_until=ago(seconds=1))

    sweep()

    assert step_outcomes(held.image) == {"resolve": "ok", "connect": "failed", "destroy": "ok"}
    assert Failure.objects.get().step == "connect"


def test_a_lease_that_is_renewed_in_between_is_left_alone(
    group: ContainerGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = claim(group.image_id)
    assert held is not None
    Image.objects.update(lease_expires_at=ago(seconds=1))
    monkeypatch.setattr(sweeper, "last_step", lambda image: (held.renew(), "resolve")[1])

    assert sweep()["leases_expired"] == 0

    held.check()
    assert Image.objects.get().status == "pulling"


def test_a_lost_wake_up_is_sent_again(group: ContainerGroup, sent: list[tuple[str, str]]) -> None:
    Image.objects.update(created_at=ago(seconds=11))

    assert sweep()["pulls_woken"] == 1
    assert sent == [("pull", str(group.image_id))]


def test_a_pull_is_woken_when_its_time_has_come(group: ContainerGroup, sent: list[tuple[str, str]]) -> None:
    Image.objects.update(created_at=ago(hours=1), not_before=timezone.now() + timedelta(seconds=60))
    assert sweep()["pulls_woken"] == 0

    Image.objects.update(not_before=ago(seconds=1))
    assert sweep()["pulls_woken"] == 1


def test_a_full_queue_is_not_filled_further(
    group: ContainerGroup, sent: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.objects.update(created_at=ago(hours=1))
    monkeypatch.setattr("groups.rules.wakeups.waiting", lambda queue: 1)

    assert sweep()["pulls_woken"] == 0
    assert sent == []


def test_without_redis_a_pass_goes_through(transactional_db: None, project: Project, blobs: Path) -> None:
    make_group(project, f"{HOST}/team/app:1.0")
    Image.objects.update(created_at=ago(hours=1))

    assert sweep()["pulls_woken"] == 1


@pytest.mark.parametrize("hold", ["pull", "hour"])
def test_an_overdue_credential_is_destroyed(group: ContainerGroup, hold: str) -> None:
    credential = group.image.credential
    assert credential is not None
    type(credential).objects.update(deadline=timezone.now() + timedelta(seconds=30), hold=hold)
    assert sweep()["credentials_destroyed"] == 0
    type(credential).objects.update(deadline=ago(seconds=1))

    assert sweep()["credentials_destroyed"] == 1

    credential.refresh_from_db()
    assert (credential.sealed, credential.destroyed_because) == (None, "deadline")


def test_what_was_held_for_pulls_that_are_over_is_destroyed(group: ContainerGroup) -> None:
    """Whatever kept the settling from doing it."""
    credential = group.image.credential
    assert credential is not None
    other = make_group(group.project, f"{HOST}/team/app:2.0", credential=credential, name="other")
    Image.objects.filter(pk=group.image_id).update(status="failed")
    assert sweep()["credentials_destroyed"] == 0

    Image.objects.filter(pk=other.image_id).update(status="ready")
    assert sweep()["credentials_destroyed"] == 1

    credential.refresh_from_db()
    assert (credential.sealed, credential.destroyed_because) == (None, "settled")


def test_what_is_held_for_an_hour_or_waits_for_its_group_is_kept(group: ContainerGroup) -> None:
    waiting = make_credential(group.organization, HOST)
    hour = make_credential(group.organization, HOST, hold="hour")
    other = make_group(group.project, f"{HOST}/team/app:2.0", credential=hour, name="other")
    Image.objects.filter(pk=other.image_id).update(status="ready")

    assert sweep()["credentials_destroyed"] == 0

    for credential in (waiting, hour):
        credential.refresh_from_db()
        assert credential.is_live


def test_a_worker_that_dies_between_its_last_step_and_settling(group: ContainerGroup) -> None:
    held = claim(group.image_id)
    assert held is not None
    held.image.steps.create(attempt=1, name="store", outcome="ok")
    Image.objects.update(lease_expires_at=ago(seconds=1), retry_until=ago(seconds=1))

    assert sweep()["leases_expired"] == 1

    image = Image.objects.get()
    assert (image.status, Failure.objects.get().code) == ("failed", "interrupted")
    assert image.keeps_credential
    assert image.credential is not None
    assert image.credential.is_live


def test_a_settling_that_is_rolled_back_leaves_the_credential_to_the_next(
    group: ContainerGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*arguments: object, **options: object) -> None:
        raise SystemExit

    held = claim(group.image_id)
    assert held is not None
    Image.objects.update(lease_expires_at=ago(seconds=1), retry_until=ago(seconds=1))
    with monkeypatch.context() as patched:
        patched.setattr("groups.ingest.outcome.write_done", die)  # right after the credential was released
        with pytest.raises(SystemExit):
            sweep()
    assert Image.objects.get().status == "pulling"

    sweep()

    image = Image.objects.get()
    assert (image.status, image.keeps_credential) == ("failed", True)
    assert image.credential is not None
    assert image.credential.is_live


def test_an_instance_whose_manifest_is_missing_is_woken(group: ContainerGroup, sent: list[tuple[str, str]]) -> None:
    node = Node.objects.create(name="n", public_key="k")
    instance = Instance.objects.create(group=group, node=node, assigned_at=ago(seconds=11))
    Instance.objects.create(group=group)

    assert sweep()["manifests_woken"] == 1
    assert sent == [("prepare", str(instance.pk))]

    NodeManifest.objects.create(image=group.image, node=node, digest="sha256:1", body=b"{}", signature="x")
    assert sweep()["manifests_woken"] == 0


@pytest.mark.parametrize("status", ["deploying", "running"])
def test_a_group_gets_the_instances_that_it_lacks(group: ContainerGroup, status: str) -> None:
    node = Node.objects.create(name="n", public_key="k", last_seen_at=timezone.now())
    ContainerGroup.objects.update(status=status, replicas=3)
    Instance.objects.create(group=group, node=node, state="stopping")
    Instance.objects.create(group=group, node=node, state="running")

    assert sweep()["groups_topped_up"] == 1
    assert sweep()["groups_topped_up"] == 0

    states = sorted(Instance.objects.values_list("state", flat=True))
    assert states == ["allocating", "allocating", "running", "stopping"]


@pytest.mark.parametrize("status", ["pending", "stopped", "succeeded", "failed"])
def test_a_group_that_should_not_run_gets_none(group: ContainerGroup, status: str) -> None:
    ContainerGroup.objects.update(status=status)

    assert sweep()["groups_topped_up"] == 0
    assert not Instance.objects.exists()


def test_an_image_that_no_group_has_goes_with_its_secret(group: ContainerGroup, project: Project) -> None:
    credential = group.image.credential
    assert credential is not None
    left = group.image
    group.delete()
    assert sweep()["images_removed"] == 0
    kept = make_group(project, f"{HOST}/team/app:1.0", name="other").image
    Image.objects.update(created_at=ago(hours=2))

    assert sweep()["images_removed"] == 1

    assert Image.objects.get() == kept
    assert not Image.objects.filter(pk=left.pk).exists()
    credential.refresh_from_db()
    assert (credential.sealed, credential.destroyed_because) == (None, "settled")


def test_a_storage_that_is_away_keeps_nothing_else_from_being_done(
    group: ContainerGroup, blobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*arguments: object) -> None:
        raise OSError("the storage is away")

    Image.objects.update(created_at=ago(seconds=11))
    monkeypatch.setattr("groups.storage.blob_files.BlobFiles.listdir", away)

    assert sweep()["pulls_woken"] == 1


def test_a_step_that_fails_keeps_no_other_from_running(
    group: ContainerGroup,
    sent: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Such as on a row that somebody wrote past the portal. The pass isn't stored, which alerts operators."""

    def fail() -> int:
        raise OverflowError("hunter2")

    monkeypatch.setattr(sweeper, "expire_leases", fail)
    Image.objects.update(created_at=ago(minutes=1))

    with pytest.raises(OverflowError):
        sweep()

    assert sent == [("pull", str(group.image_id))]
    assert not SweepPass.objects.exists()
    assert "sweep_step_failed" in caplog.text


def test_without_a_database_the_pass_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("groups.sweep.connection", SimpleNamespace(is_usable=lambda: False))
    ran: list[int] = []

    def step() -> int:
        ran.append(1)
        raise OperationalError

    with pytest.raises(OperationalError):
        sweeper.run_all([("first", step), ("second", step)])
    assert len(ran) == 1
