"""One pass of the sweeper over a state in which one of everything was left undone, and one that isn't due yet."""

from __future__ import annotations

import os
import time
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from groups.models import (
    Blob,
    ContainerGroup,
    FailedAttempt,
    Image,
    ImageCheck,
    Instance,
    Node,
    NodeToken,
    SweepPass,
)
from groups.sweep import sweep
from portal.models import Organization, Project
from registries.models import Credential, TlsHost
from registries.secrets import keyring, sqlite_remnants
from registries.secrets.epochs import begin_epoch
from tests.support.group_progress import make_token
from tests.support.pulls import make_blob, make_credential, make_group, stored_files
from tests.support.quotas import set_quota

HOST = "registry.example.com"
IMAGE = f"{HOST}/team/app:1"


def ago(**time: float) -> datetime:
    return timezone.now() - timedelta(**time)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """Wake-ups that left: queue, function and id."""
    jobs: list[tuple[str, str, str]] = []
    monkeypatch.setattr("groups.rules.wakeups.enqueue_job", lambda *job: jobs.append(job))
    monkeypatch.setattr("groups.rules.wakeups.waiting", lambda queue: 0)
    return jobs


@pytest.fixture
def keys(settings: Settings, tmp_path: Path) -> Path:
    """Keys of this test's own: the first epoch is over for an hour, the second just so."""
    folder = tmp_path / "keys"
    settings.PORTAL_KEY_DIR = folder
    keyring.create_missing()
    (folder / "web" / "manifests.pub").unlink()
    for _ in range(2):
        begin_epoch()
        for path in folder.rglob("seal-*"):
            moment = path.stat().st_mtime - 3601
            os.utime(path, (moment, moment))
    return folder


class Undone:
    """The state before the pass."""

    def __init__(self, acme: Organization, umbrella: Organization, blobs: Path) -> None:
        self.project, self.suspended = acme.projects.get(), umbrella.projects.get()
        self.credentials(acme)
        self.pulls()
        self.nodes()
        self.checks(acme)
        self.leftovers(acme, blobs)
        self.suspension(umbrella)

    def image(self, name: str, project: Project | None = None, **columns: Any) -> ContainerGroup:
        """A group whose image is ready, unless `columns` says otherwise. Those of its own begin with `group_`."""
        group = make_group(project or self.project, IMAGE, name=name)
        of_group = {key.removeprefix("group_"): value for key, value in columns.items() if key.startswith("group_")}
        of_image = {key: value for key, value in columns.items() if not key.startswith("group_")}
        Image.objects.filter(pk=group.image_id).update(**{"status": "ready", **of_image})
        ContainerGroup.objects.filter(pk=group.pk).update(**{"status": "stopped", **of_group})
        group.refresh_from_db()
        return group

    def credentials(self, acme: Organization) -> None:
        TlsHost.objects.create(host="registry.internal:5000")
        self.overdue = make_credential(acme, HOST)
        self.hour = make_credential(acme, HOST, hold="hour")
        self.settled, self.in_use, self.waiting = (make_credential(acme, HOST) for _ in range(3))
        Credential.objects.filter(pk__in=[self.overdue.pk, self.hour.pk]).update(deadline=ago(seconds=1))
        self.image("settled", credential=self.settled)
        later = timezone.now() + timedelta(hours=1)
        self.image("in-use", credential=self.in_use, status="queued", not_before=later, group_status="pending")

    def pulls(self) -> None:
        self.abandoned = self.image(
            "abandoned", status="pulling", lease=uuid.uuid4(), lease_expires_at=ago(seconds=1), attempt=1,
            group_status="pending",
        )  # fmt: skip
        self.held = self.image(
            "held", status="pulling", lease=uuid.uuid4(), lease_expires_at=ago(seconds=-30), group_status="pending"
        )
        self.lost = self.image("lost", status="queued", created_at=ago(seconds=11), group_status="pending")
        self.retried = self.image("retried", status="queued", not_before=ago(seconds=1), group_status="pending")
        self.image("just-woken", status="queued", created_at=ago(seconds=3), group_status="pending")

    def nodes(self) -> None:
        seen = {"public_key": "k", "last_seen_at": timezone.now()}
        self.silent = Node.objects.create(name="silent", **seen | {"last_seen_at": ago(seconds=91)})
        self.present = Node.objects.create(name="present", cpu=16, memory_mb=60_000, **seen)
        self.draining = Node.objects.create(name="draining", status="draining", **seen)
        self.runs = self.image("runs", group_status="running", group_replicas=2)
        self.on_silent = Instance.objects.create(group=self.runs, node=self.silent, state="running")
        Instance.objects.create(group=self.runs, node=self.present, state="running")
        self.drained = self.image("drained", group_status="running")
        self.on_draining = Instance.objects.create(group=self.drained, node=self.draining, state="running")
        self.lacking = self.image("lacking", group_status="deploying", group_replicas=2)
        self.unprepared = Instance.objects.create(group=self.lacking, node=self.present, assigned_at=ago(seconds=11))
        just = self.image("just-assigned", group_status="deploying")
        Instance.objects.create(group=just, node=self.present, assigned_at=ago(seconds=3))

    def check(self, acme: Organization, **columns: Any) -> ImageCheck:
        values = {"organization": acme, "reference": "a", "registry": "a", "repository": "a", "version": "1"}
        row = ImageCheck.objects.create(**{**values, "platform": "linux", "expires_at": ago(seconds=-60)})
        ImageCheck.objects.filter(pk=row.pk).update(**columns)
        return row

    def checks(self, acme: Organization) -> None:
        self.overdue_check = self.check(acme, status="running", expires_at=ago(seconds=1), created_at=ago(seconds=301))
        self.lost_check = self.check(acme, created_at=ago(seconds=11))
        self.check(acme, created_at=ago(seconds=3))
        self.check(acme, created_at=ago(seconds=60), status="running")
        self.kept_check = self.check(acme, created_at=ago(seconds=3590), status="done")
        self.old_check = self.check(acme, created_at=ago(seconds=3601), status="done")

    def leftovers(self, acme: Organization, blobs: Path) -> None:
        attempt = {"organization": acme, "kind": "ghcr", "code": "store_failed", "step": "store", "final": False}
        for age in (timedelta(days=30, seconds=1), timedelta(days=30, seconds=-60)):
            row = FailedAttempt.objects.create(**attempt)
            FailedAttempt.objects.filter(pk=row.pk).update(created_at=timezone.now() - age)
        self.unused = [self.image(f"unused-{number}") for number in range(2)]
        for group, seconds in zip(self.unused, (3601, 3540), strict=True):
            Image.objects.filter(pk=group.image_id).update(created_at=ago(seconds=seconds))
            group.delete()
        for name, seconds in (("gone", 3601), ("kept", 3540)):
            make_blob(acme, name=f"1/ab/{name}", unused_since=ago(seconds=seconds))
            self.write(blobs / "1" / "ab" / name, seconds)
            self.write(blobs / "1" / "ab" / f"orphan-{name}", seconds)
            self.write(blobs / ".drafts" / f"draft-{name}", seconds)

    def write(self, path: Path, seconds: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"ciphertext")
        os.utime(path, (time.time() - seconds,) * 2)

    def suspension(self, umbrella: Organization) -> None:
        self.active = self.image("active", self.suspended, group_status="running", group_replicas=0)
        self.queued = self.image("queued", self.suspended, status="queued", group_status="pending")
        self.token = make_token(self.active, self.present, number=1)
        self.kept_token = make_token(self.runs, self.present, number=2)
        set_quota(umbrella, suspended_at=ago(hours=1))


@pytest.fixture
def undone(keys: Path, acme: Any, mallory: Any, blobs: Path, settings: Any, sent: list[Any]) -> Undone:
    settings.PORTAL_BLOB_GRACE_SECONDS = 3600
    return Undone(acme, mallory.organizations.get(), blobs)


def test_everything_is_done_once(
    undone: Undone,
    keys: Path,
    blobs: Path,
    sent: list[tuple[str, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    monkeypatch.setattr(sqlite_remnants, "clear", lambda: False)
    with django_capture_on_commit_callbacks(execute=True):
        counts = sweep()

    assert counts == {
        "leases_expired": 1,
        "credentials_destroyed": 3,
        "credentials_noted": 3,
        "tls_hosts_noted": 1,
        "sealing_keys_created": 1,
        "sealing_keys_deleted": 1,
        "issuer_keys_rotated": 1,
        "trust_uses_deleted": 0,
        "manifest_keys_published": 1,
        "pulls_woken": 2,
        "nodes_released": 1,
        "instances_moved": 1,
        "groups_topped_up": 1,
        "node_keys_vouched": 0,
        "manifests_woken": 1,
        "checks_ended": 1,
        "checks_woken": 1,
        "checks_removed": 1,
        "suspended_ended": 3,
        "outages_noted": 0,
        "outages_deleted": 0,
        "failed_attempts_deleted": 1,
        "images_removed": 1,
        "blobs_removed": 1,
        "orphans_removed": 1,
        "unfinished_removed": 1,
        "remnants_left": 1,
    }
    done = SweepPass.objects.get()
    assert done.counts == counts
    assert done.ended_at > ago(minutes=1)
    assert 0 < done.seconds < 60

    live = {row.pk for row in Credential.objects.all() if row.sealed is not None}
    assert live == {undone.in_use.pk, undone.waiting.pk}
    assert sorted(path.name for path in keys.rglob("seal-*")) == [
        "seal-2.key", "seal-2.pub", "seal-3.key", "seal-3.pub",
    ]  # fmt: skip

    images = dict(Image.objects.values_list("pk", "status"))
    assert images[undone.abandoned.image_id] == "queued"
    assert images[undone.held.image_id] == "pulling"
    assert images[undone.queued.image_id] == "failed"
    assert sorted(job for job in sent if job[1] != "fan_out") == sorted([
        ("pulls", "pull", str(undone.lost.image_id)),
        ("pulls", "pull", str(undone.retried.image_id)),
        ("nodes", "prepare", str(undone.unprepared.pk)),
        ("checks", "check", str(undone.lost_check.pk)),
    ])  # fmt: skip

    for instance in (undone.on_silent, undone.on_draining):
        instance.refresh_from_db()
        assert (instance.state, instance.node) == ("allocating", None)
    assert undone.lacking.instances.count() == 2
    undone.active.refresh_from_db()
    assert undone.active.status == "stopped"
    assert dict(NodeToken.objects.values_list("pk", "ended_because")) == {
        undone.token.pk: "suspended",
        undone.kept_token.pk: "",
    }

    undone.overdue_check.refresh_from_db()
    assert (undone.overdue_check.status, undone.overdue_check.code) == ("failed", "interrupted")
    assert not ImageCheck.objects.filter(pk=undone.old_check.pk).exists()
    assert ImageCheck.objects.filter(pk=undone.kept_check.pk).exists()
    assert [image.pk for image in Image.objects.filter(groups=None)] == [undone.unused[1].image_id]
    assert FailedAttempt.objects.filter(code="store_failed").count() == 1
    assert [blob.name for blob in Blob.objects.all()] == ["1/ab/kept"]
    assert [path.name for path in stored_files(blobs)] == ["draft-kept", "kept", "orphan-kept"]


def test_a_pass_that_is_not_thorough_lists_no_objects(undone: Undone, blobs: Path) -> None:
    counts = sweep(thorough=False)

    assert "orphans_removed" not in counts
    assert "unfinished_removed" not in counts
    assert (counts["blobs_removed"], counts["remnants_left"], counts["images_removed"]) == (1, 0, 1)
    left = {path.name for path in stored_files(blobs)}
    assert left == {"draft-gone", "draft-kept", "kept", "orphan-gone", "orphan-kept"}
    assert SweepPass.objects.get().counts == counts


def test_the_row_of_the_last_pass_is_written_again(db: None, blobs: Path, sent: list[Any]) -> None:
    sweep()
    SweepPass.objects.update(ended_at=ago(hours=1), seconds=-1, counts={})

    counts = sweep()

    row = SweepPass.objects.get()
    assert (row.ended_at > ago(minutes=1), row.seconds > 0, row.counts) == (True, True, counts)
