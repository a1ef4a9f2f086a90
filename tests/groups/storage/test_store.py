"""Blobs are there whole or not at all, on files and on other storages."""

from __future__ import annotations

import errno
import io
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, NoReturn

import pytest
from django.core.files.storage import InMemoryStorage
from pytest_django.fixtures import Settings
from structlog.testing import capture_logs

from groups.failures import StoreFailed
from groups.storage import blob_files, store
from registries.failures import DigestMismatch
from registries.foundation.ids import OrganizationId

NAME = "org/ab/abcdef"


class Pieces:
    """A reader that may fail on the way; without `sized`, its size is known at the end only."""

    def __init__(
        self, content: bytes, *, size: int | None = None, failure: BaseException | None = None, sized: bool = True
    ) -> None:
        self._whole = len(content) if size is None else size
        self.size = self._whole if sized else None
        self._file = io.BytesIO(content)
        self._failure = failure

    def pieces(self) -> Iterator[memoryview]:
        buffer = memoryview(bytearray(70_000))
        while count := self._file.readinto(buffer):
            yield buffer[:count]
            buffer[:count] = bytes(count)  # whoever still looks at it sees that it is gone
        if self._failure is not None:
            raise self._failure
        self.size = self._whole


class Memory(InMemoryStorage):
    """A storage without files, such as those of django-storages."""


@pytest.fixture(params=["files", "memory"])
def kept(request: pytest.FixtureRequest, blobs: Path, settings: Settings) -> None:
    """The same behaviour on either kind."""
    if request.param == "memory":
        settings.STORAGES = settings.STORAGES | {"blobs": {"BACKEND": "tests.groups.storage.test_store.Memory"}}


def content_of(name: str) -> bytes:
    file: BinaryIO
    with store.open(name) as file:
        return file.read()


@pytest.mark.parametrize("sized", [True, False])
@pytest.mark.parametrize("size", [0, 1, 69_999, 70_000, 3_000_001])
@pytest.mark.usefixtures("kept")
def test_what_is_put_can_be_opened(size: int, sized: bool) -> None:
    content = os.urandom(size)

    store.put(NAME, Pieces(content, sized=sized))

    assert content_of(NAME) == content
    assert store.size(NAME) == size
    assert list(store.names()) == [NAME]
    written = store.written_at(NAME)
    assert written is not None
    assert abs(datetime.now(UTC) - written) < timedelta(seconds=60)


@pytest.mark.parametrize("said", ["2026-11-30T12:00", "2026-11-30T14:00+02:00"])
def test_a_storage_that_says_no_time_zone_means_utc(blobs: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setattr(blob_files.BlobFiles, "get_modified_time", lambda self, name: datetime.fromisoformat(said))

    assert store.written_at(NAME) == datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.usefixtures("kept")
def test_a_blob_is_never_overwritten() -> None:
    store.put(NAME, Pieces(b"first"))

    with pytest.raises(StoreFailed):
        store.put(NAME, Pieces(b"second"))

    assert content_of(NAME) == b"first"
    assert list(store.names()) == [NAME]


@pytest.mark.parametrize("failure", [DigestMismatch(what="layer"), KeyboardInterrupt(), ZeroDivisionError()])
@pytest.mark.usefixtures("kept")
def test_a_reader_that_fails_leaves_nothing_and_raises(failure: BaseException) -> None:
    with pytest.raises(type(failure)) as caught:
        store.put(NAME, Pieces(b"x" * 2_000_000, size=3_000_000, failure=failure))

    assert caught.value is failure
    assert store.size(NAME) is None
    assert list(store.names()) == []


@pytest.mark.usefixtures("blobs")
def test_a_storage_that_is_interrupted_leaves_nothing_and_is_no_failure(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save(self: Memory, name: str, content: object) -> str:
        really(self, name, io.BytesIO(b"half"))
        raise KeyboardInterrupt

    settings.STORAGES = settings.STORAGES | {"blobs": {"BACKEND": "tests.groups.storage.test_store.Memory"}}
    really = Memory.save
    monkeypatch.setattr(Memory, "save", save)
    with pytest.raises(KeyboardInterrupt):
        store.put(NAME, Pieces(b"x"))
    assert list(store.names()) == []


@pytest.mark.usefixtures("kept")
def test_when_it_was_written_is_not_known_while_the_storage_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a blob that is there; one that isn't was never written."""

    def fail(*arguments: object) -> NoReturn:
        raise TimeoutError

    for storage in (Memory, blob_files.BlobFiles):
        monkeypatch.setattr(storage, "get_modified_time", fail)
    assert store.written_at(NAME) is None
    store.put(NAME, Pieces(b"x"))
    with pytest.raises(StoreFailed):
        store.written_at(NAME)


@pytest.mark.usefixtures("kept")
def test_a_reader_that_ends_early_leaves_nothing() -> None:
    with pytest.raises(StoreFailed):
        store.put(NAME, Pieces(b"x" * 10, size=11))

    assert store.size(NAME) is None


@pytest.mark.usefixtures("kept")
def test_deleting_twice_is_no_error() -> None:
    store.put(NAME, Pieces(b"gone soon"))

    store.delete(NAME)
    store.delete(NAME)

    assert store.size(NAME) is None
    assert store.written_at(NAME) is None
    with pytest.raises(StoreFailed):
        store.open(NAME)


@pytest.mark.usefixtures("kept")
def test_names_are_unique_and_belong_to_an_organization() -> None:
    names = {store.new_name(OrganizationId(7)) for _ in range(100)}

    assert len(names) == 100
    assert all(re.fullmatch("7/([0-9a-f]{2})/\\1[0-9a-f]{30}", name) for name in names)


def test_only_files_have_a_path(blobs: Path, settings: Settings) -> None:
    store.put(NAME, Pieces(b"here"))
    assert store.local_path(NAME) == blobs / NAME

    settings.STORAGES = settings.STORAGES | {"blobs": {"BACKEND": "tests.groups.storage.test_store.Memory"}}
    assert store.local_path(NAME) is None


def test_a_failure_is_logged_by_what_was_done_and_the_kind_of_error(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages may hold addresses and keys."""

    def fail(*arguments: object, **options: object) -> NoReturn:
        raise PermissionError(errno.EACCES, "hunter2")

    settings.STORAGES = settings.STORAGES | {"blobs": {"BACKEND": "tests.groups.storage.test_store.Memory"}}
    for name in ("_open", "size", "exists", "delete", "url", "get_modified_time", "listdir"):
        monkeypatch.setattr(Memory, name, fail)
    monkeypatch.setattr("groups.storage.s3_uploads.abort_unfinished", fail)
    now = datetime.now(UTC)
    with capture_logs() as entries:
        for work in (
            lambda: store.open(NAME),
            lambda: store.size(NAME),
            lambda: store.delete(NAME),
            lambda: store.signed_url(NAME),
            lambda: store.written_at(NAME),
            lambda: store.remove_unfinished(now),
            lambda: list(store.names()),
        ):
            with pytest.raises(StoreFailed) as failed:
                work()
            assert failed.value.raw == "EACCES"

    actions = ["open", "size", "delete", "signed_url", "written_at", "abort_uploads", "list"]
    assert entries == [
        {
            "event": "store_failed",
            "log_level": "warning",
            "action": action,
            "error": "PermissionError",
            "errno": "EACCES",
        }
        for action in actions
    ]


@pytest.mark.parametrize("bucket", [None, object()])
def test_a_storage_without_uploads_in_parts_has_nothing_unfinished(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, bucket: object
) -> None:
    settings.STORAGES = settings.STORAGES | {"blobs": {"BACKEND": "tests.groups.storage.test_store.Memory"}}
    monkeypatch.setattr(Memory, "bucket", bucket, raising=False)

    assert store.remove_unfinished(datetime.now(UTC)) == 0


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "org/../../x"])
@pytest.mark.usefixtures("blobs")
def test_no_name_leads_out_of_the_store(name: str) -> None:
    with pytest.raises(StoreFailed):
        store.put(name, Pieces(b"x"))
    with pytest.raises(StoreFailed):
        store.open(name)
