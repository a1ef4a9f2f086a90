"""What leaves the store, when, and what never does."""

from __future__ import annotations

import os
import time
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from groups.actions import lifecycle
from groups.failures import StoreFailed
from groups.models import Blob, ContainerGroup, Image, Layer
from groups.storage import garbage, store
from groups.sweep import sweep
from portal.models import Project
from registries.foundation.actor import CONSOLE
from tests.groups.storage.test_store import Pieces
from tests.support.pulls import make_blob, make_group, stored_files


def ago(**time: int) -> datetime:
    return timezone.now() - timedelta(**time)


@pytest.fixture
def ground(transactional_db: None, project: Project, blobs: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Acme's project, an empty store, and nobody who is woken."""
    monkeypatch.setattr("groups.rules.wakeups.enqueue_job", lambda *arguments: None)
    return project


@pytest.fixture
def group(ground: Project) -> ContainerGroup:
    return make_group(ground, "registry.example.com/team/app:1.0")


def stored(group: ContainerGroup, **values: Any) -> Blob:
    """A blob in the store, with its row, in a layer of the group's image."""
    blob = make_blob(group.organization, image=group.image, **values)
    store.put(blob.name, Pieces(b"ciphertext"))
    return blob


def test_a_blob_goes_a_grace_after_the_last_group_that_uses_it(group: ContainerGroup, blobs: Path) -> None:
    shared = stored(group)
    other = make_group(group.project, "registry.example.com/team/app:2.0", name="other")
    other.image.layers.create(position=0, media_type="m", digest="sha256:1", size=10, blob=shared)

    lifecycle.delete(group, by=CONSOLE)
    assert not Blob.objects.exclude(unused_since=None).exists()
    lifecycle.delete(other, by=CONSOLE)
    assert Blob.objects.exclude(unused_since=None).get() == shared
    assert sweep()["blobs_removed"] == 0
    Blob.objects.update(unused_since=ago(hours=2))

    assert sweep()["blobs_removed"] == 1

    assert not Blob.objects.exists()
    assert stored_files(blobs) == []


def test_what_is_in_use_stays_whatever_its_row_says(group: ContainerGroup, blobs: Path) -> None:
    blob = stored(group, unused_since=ago(days=9))

    assert garbage.collect() == 0
    garbage.delete_unreferenced([blob.name])

    assert stored_files(blobs) == [blobs / blob.name]


def test_the_database_itself_keeps_what_a_layer_points_to(group: ContainerGroup) -> None:
    blob = stored(group)

    with pytest.raises(IntegrityError), transaction.atomic():
        Blob.objects.filter(pk=blob.pk)._raw_delete(using="default")

    assert Blob.objects.filter(pk=blob.pk).exists()


def test_a_layer_that_takes_it_up_in_between_wins(
    group: ContainerGroup, blobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The collection has looked for layers and found none; then one comes, and the row must stay."""
    blob = stored(group)
    group.image.layers.update(blob=None)
    Blob.objects.update(unused_since=ago(hours=2))
    really = Blob.delete

    def taken_up(self: Blob) -> tuple[int, dict[str, int]]:
        Layer.objects.update(blob=self)
        return really(self)

    monkeypatch.setattr(Blob, "delete", taken_up)

    assert garbage.collect() == 0

    assert Blob.objects.filter(pk=blob.pk).exists()
    assert stored_files(blobs) == [blobs / blob.name]


def test_a_row_whose_user_died_before_it_could_say_so(group: ContainerGroup) -> None:
    blob = stored(group, stored_at=ago(hours=2))
    group.image.layers.update(blob=None)

    assert garbage.collect() == 0
    blob.refresh_from_db()
    assert blob.unused_since is not None


def test_a_storage_that_is_away_loses_no_row_and_leaves_an_orphan(
    group: ContainerGroup, blobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(group)
    group.image.layers.update(blob=None)
    Blob.objects.update(unused_since=ago(hours=2))

    def away(*arguments: object) -> None:
        raise OSError("the storage is away")

    with monkeypatch.context() as broken:
        broken.setattr("groups.storage.blob_files.BlobFiles.delete", away)
        broken.setattr("groups.storage.blob_files.BlobFiles.listdir", away)
        assert sweep()["blobs_removed"] == 1

    assert len(stored_files(blobs)) == 1
    assert garbage.remove_orphans(timezone.now() + timedelta(seconds=5)) == 1
    assert stored_files(blobs) == []


def test_a_failed_pulls_own_blobs_go_at_once_and_others_have_their_grace(group: ContainerGroup, blobs: Path) -> None:
    own, older = stored(group), stored(group, stored_at=ago(hours=5))
    Image.objects.filter(pk=group.image_id).update(created_at=ago(minutes=1))
    group.image.refresh_from_db()

    with transaction.atomic():
        garbage.empty_layers(group.image)
        assert len(stored_files(blobs)) == 2

    assert [blob.pk for blob in Blob.objects.all()] == [older.pk]
    assert Blob.objects.get().unused_since is not None
    assert own.name not in [path.name for path in stored_files(blobs)]
    assert stored_files(blobs) == [blobs / older.name]


def test_an_orphan_that_gets_its_row_in_between_stays(
    group: ContainerGroup, blobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = store.new_name(group.organization_id)
    store.put(name, Pieces(b"ciphertext"))

    def commit_its_row(asked: str) -> Any:
        make_blob(group.organization, name=asked, image=group.image)
        return ago(hours=2)

    monkeypatch.setattr(store, "written_at", commit_its_row)

    assert garbage.remove_orphans(timezone.now()) == 0
    assert stored_files(blobs) == [blobs / name]


def test_an_organization_goes_with_its_blobs(group: ContainerGroup, blobs: Path) -> None:
    blob = stored(group)
    ContainerGroup.objects.all().delete()

    group.organization.delete()

    assert not Blob.objects.exists()
    assert stored_files(blobs) == [blobs / blob.name]
    assert garbage.remove_orphans(timezone.now() + timedelta(seconds=5)) == 1


def test_without_a_storage_the_pass_continues(group: ContainerGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*arguments: object) -> None:
        raise StoreFailed(raw="away")

    monkeypatch.setattr(store, "names", away)

    assert sweep()["orphans_removed"] == 0


def file_in_store(folder: Path, *, hours: int) -> str:
    """Write a file into the store that was last changed `hours` ago; return its name."""
    name = f"acme/ab/{uuid.uuid4().hex}"
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"ciphertext")
    moment = time.time() - hours * 3600
    os.utime(path, (moment, moment))
    return name


def test_only_old_blobs_without_a_layer_go(group: ContainerGroup, blobs: Path) -> None:
    orphan, young, kept = file_in_store(blobs, hours=2), file_in_store(blobs, hours=0), file_in_store(blobs, hours=2)
    make_blob(group.organization, name=kept, image=group.image)

    assert sweep()["orphans_removed"] == 1

    assert stored_files(blobs) == sorted([blobs / young, blobs / kept])
    assert not (blobs / orphan).exists()


def test_half_written_blobs_go_as_well(group: ContainerGroup, blobs: Path) -> None:
    name = file_in_store(blobs, hours=2)
    (blobs / ".drafts").mkdir()
    (blobs / name).rename(blobs / ".drafts" / "half")

    assert sweep()["unfinished_removed"] == 1
    assert stored_files(blobs) == []
