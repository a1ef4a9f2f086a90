"""How long what nobody uses is kept, to the second, and whose it is."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from groups.failures import StoreFailed
from groups.models import Blob, ContainerGroup
from groups.storage import garbage, store
from portal.models import Organization
from tests.groups.storage.test_store import Pieces
from tests.support.database_clock import Clock, clock
from tests.support.pulls import make_blob, make_group, stored_files
from tests.support.row_locks import RowLock, row_lock_queries

__all__ = ["clock"]


@pytest.fixture
def group(project: Any, blobs: Path, monkeypatch: pytest.MonkeyPatch) -> ContainerGroup:
    monkeypatch.setattr("groups.rules.wakeups.enqueue_job", lambda *arguments: None)
    return make_group(project, "registry.example.com/team/app:1.0")


def stored(organization: Organization, **values: Any) -> Blob:
    """A blob in the store, with its row."""
    blob = make_blob(organization, **values)
    store.put(blob.name, Pieces(b"ciphertext"))
    return blob


def written(folder: Path, name: str, when: datetime) -> Path:
    """A file in the store that was last changed then."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"ciphertext")
    os.utime(path, (when.timestamp(), when.timestamp()))
    return path


def test_an_hour_passes_before_anything_goes(
    clock: Clock, group: ContainerGroup, mallory: Any, blobs: Path, settings: Any
) -> None:
    """Beside a blob that is in use and one of another organization, which was marked later."""
    assert settings.PORTAL_BLOB_GRACE_SECONDS == 3600
    umbrella = Organization.objects.get(slug="umbrella")
    unmarked = stored(group.organization, stored_at=clock.now)
    marked = stored(group.organization, stored_at=clock.now, unused_since=clock.now)
    in_use = stored(group.organization, stored_at=clock.now, image=group.image)
    theirs = stored(umbrella, stored_at=clock.now, unused_since=clock.ago(-1))

    clock.shift(3600)
    assert garbage.collect() == 0
    assert list(Blob.objects.filter(unused_since__isnull=True).order_by("pk")) == [unmarked, in_use]
    clock.shift(1)
    assert garbage.collect() == 1
    assert list(Blob.objects.order_by("pk")) == [unmarked, in_use, theirs]
    assert not (blobs / marked.name).exists()
    unmarked.refresh_from_db()
    in_use.refresh_from_db()
    assert (unmarked.unused_since, in_use.unused_since) == (clock.now, None)
    clock.shift(3600)
    assert garbage.collect() == 1
    clock.shift(1)
    assert garbage.collect() == 1
    assert stored_files(blobs) == [blobs / in_use.name]


def test_only_what_was_given_and_is_unused_is_marked(clock: Clock, group: ContainerGroup) -> None:
    unused, other, in_use = (make_blob(group.organization, stored_at=clock.now) for _ in range(3))
    group.image.layers.create(position=0, media_type="m", digest="sha256:1", size=10, blob=in_use)
    with row_lock_queries() as locks:
        garbage.mark_unused([unused.pk, in_use.pk])
    keys = frozenset({unused.pk, in_use.pk})
    assert locks == [RowLock("groups_blob", keys, is_weak=False, order=("pk",))]
    first = clock.now
    clock.shift(60)
    garbage.mark_unused([unused.pk])
    assert [Blob.objects.get(pk=blob.pk).unused_since for blob in (unused, other, in_use)] == [first, None, None]


def test_a_failed_pulls_layers_are_let_go_and_no_other_images(
    clock: Clock, group: ContainerGroup, blobs: Path, django_capture_on_commit_callbacks: Any
) -> None:
    other = make_group(group.project, "registry.example.com/team/app:2.0", name="other").image
    began = group.image.created_at
    own = stored(group.organization, image=group.image, stored_at=began)
    older = stored(group.organization, image=group.image, stored_at=began - timedelta(microseconds=1))
    shared = stored(group.organization, image=group.image, stored_at=began)
    other.layers.create(position=0, media_type="m", digest="sha256:1", size=10, received=10, blob=shared)
    theirs = stored(group.organization, image=other, stored_at=began)

    with django_capture_on_commit_callbacks() as later:
        garbage.empty_layers(group.image)
    for layer in group.image.layers.all():
        assert (layer.blob, layer.committed_at, layer.received) == (None, None, 0)
    assert len(stored_files(blobs)) == 4, "not before the transaction has committed"
    for callback in later:
        callback()
    assert sorted(Blob.objects.values_list("name", "unused_since")) == sorted(
        [(older.name, clock.now), (shared.name, None), (theirs.name, None)]
    )
    assert not (blobs / own.name).exists()
    assert list(other.layers.order_by("position").values_list("blob", flat=True)) == [shared.pk, theirs.pk]


def test_a_name_is_deleted_with_its_row_or_without_one(group: ContainerGroup, blobs: Path) -> None:
    unused, in_use = stored(group.organization), stored(group.organization, image=group.image)
    orphan, other = store.new_name(group.organization_id), store.new_name(group.organization_id)
    for name in (orphan, other):
        store.put(name, Pieces(b"ciphertext"))
    garbage.delete_unreferenced([unused.name, in_use.name, orphan])
    assert [blob.name for blob in Blob.objects.all()] == [in_use.name]
    assert stored_files(blobs) == sorted([blobs / in_use.name, blobs / other])


def test_an_orphan_goes_if_it_was_written_before_then(
    clock: Clock, group: ContainerGroup, mallory: Any, blobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In batches, in which blobs of any organization may be."""
    monkeypatch.setattr(garbage, "BATCH", 2)
    old, limit = clock.ago(1), clock.now
    umbrella = Organization.objects.get(slug="umbrella")
    kept = [written(blobs, f"{number}/ab/kept", old) for number in range(3)]
    for path, organization in zip(kept, (umbrella, group.organization, umbrella), strict=True):
        make_blob(organization, name=str(path.relative_to(blobs)))
    gone = [written(blobs, f"{number}/cd/gone", old) for number in range(3)]
    young = written(blobs, "7/ab/young", limit)
    draft = written(blobs, ".drafts/young", limit)
    written(blobs, ".drafts/old", old)
    assert garbage.remove_orphans(limit) == 3
    assert store.remove_unfinished(limit) == 1
    assert stored_files(blobs) == sorted([*kept, young, draft])
    assert not any(path.exists() for path in gone)

    # In one batch, where what is young comes in any place.
    monkeypatch.setattr(garbage, "BATCH", 500)
    for number in range(8):
        written(blobs, f"{number}/ef/young", limit)
        written(blobs, f"{number}/ef/old", old)
    assert garbage.remove_orphans(limit) == 8

    monkeypatch.setattr(garbage, "BATCH", 2)
    Blob.objects.update(unused_since=clock.ago(9999))
    assert [garbage.collect() for _ in range(3)] == [2, 1, 0]


@pytest.mark.parametrize("ahead", ["the application", "the database"])
def test_a_clock_that_is_ahead_makes_nothing_old(clock: Clock, group: ContainerGroup, blobs: Path, ahead: str) -> None:
    """The store's clock is right: a pull wrote an object just now, and its row comes next."""
    files = [written(blobs, "7/ab/new", clock.now), written(blobs, ".drafts/new", clock.now)]
    if ahead == "the database":
        clock.shift_database(7200)
    else:
        clock.shift(7200)
        clock.shift_database(-7200)
    nothing = {"blobs_removed": 0, "orphans_removed": 0, "unfinished_removed": 0}
    assert garbage.sweep() == nothing
    make_blob(group.organization, stored_at=clock.now)
    assert garbage.sweep() == nothing
    assert stored_files(blobs) == sorted(files)
    for _ in range(2):
        clock.shift(7201)
    assert garbage.sweep()["orphans_removed"] == 1


def test_what_the_store_refuses_is_left_and_the_rest_is_done(
    clock: Clock, group: ContainerGroup, blobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*arguments: object) -> None:
        raise StoreFailed(raw="away")

    def gone(name: str) -> None:
        return None

    written(blobs, "7/ab/old", clock.ago(9999))
    with monkeypatch.context() as broken:
        broken.setattr(store, "remove_unfinished", away)
        broken.setattr(store, "written_at", gone)  # somebody else has deleted it
        assert garbage.sweep() == {"blobs_removed": 0, "orphans_removed": 0, "unfinished_removed": 0}
    with monkeypatch.context() as broken:
        broken.setattr(store, "remove_unfinished", away)
        assert garbage.sweep() == {"blobs_removed": 0, "orphans_removed": 1, "unfinished_removed": 0}
