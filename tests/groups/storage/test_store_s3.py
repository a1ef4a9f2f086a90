"""The store on S3, through django-storages and boto3."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from groups.failures import StoreFailed
from groups.ingest.encrypt import EncryptingReader
from groups.storage import store
from portal.config.storage import storage_options
from registries.failures import DigestMismatch
from tests.groups.ingest.test_memory import Zeros
from tests.groups.storage.test_store import NAME, Pieces
from tests.support.fakes.s3 import FakeS3

pytestmark = pytest.mark.slow


@pytest.fixture
def s3(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    """A bucket that the store is in."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "key")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with FakeS3() as fake:
        url = f"s3://blobs?endpoint_url={fake.url}&region_name=test&addressing_style=path"
        settings.STORAGES = settings.STORAGES | {"blobs": storage_options(url)}
        yield fake


@pytest.mark.parametrize("sized", [True, False])
@pytest.mark.parametrize("size", [0, 1, 3_000_000, 20_000_001])
def test_what_is_put_can_be_opened(s3: FakeS3, size: int, sized: bool) -> None:
    content = os.urandom(size)

    store.put(NAME, Pieces(content, sized=sized))

    assert s3.objects == {NAME: content}
    assert s3.unfinished == {}
    assert store.size(NAME) == size
    assert list(store.names()) == [NAME]
    assert store.written_at(NAME) is not None
    with store.open(NAME) as file:
        assert file.read() == content
    store.delete(NAME)
    assert store.size(NAME) is None
    assert store.written_at(NAME) is None


@pytest.mark.parametrize("size", [1_000, 20_000_001])
def test_a_part_whose_connection_breaks_is_sent_again(s3: FakeS3, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_MAX_ATTEMPTS")
    content = os.urandom(size)
    s3.drops = 1

    store.put(NAME, Pieces(content))

    assert (s3.objects, s3.unfinished, s3.drops) == ({NAME: content}, {}, 0)


@pytest.mark.parametrize("size", [1_000, 20_000_000])
def test_a_reader_that_fails_leaves_nothing_and_raises(s3: FakeS3, size: int) -> None:
    failure = DigestMismatch(what="layer")

    with pytest.raises(DigestMismatch) as caught:
        store.put(NAME, Pieces(b"x" * size, size=size + 1, failure=failure))

    assert caught.value is failure
    assert s3.objects == {}
    assert s3.unfinished == {}


def test_a_bucket_that_is_away(s3: FakeS3) -> None:
    s3.broken = 503

    for action in (lambda: store.put(NAME, Pieces(b"x")), lambda: store.open(NAME), lambda: list(store.names())):
        with pytest.raises(StoreFailed) as caught:
            action()
        assert s3.url not in str(caught.value.params) + caught.value.raw


def test_a_large_layer_is_never_whole_in_memory(s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake forgets each part. What is left is boto3's own: ten parts of 8 MB at most, and their copies."""
    size = 400_000_000
    monkeypatch.setattr("tests.support.fakes.s3._Handler.keeps", False)
    tracemalloc.start()
    try:
        store.put(NAME, EncryptingReader(Zeros(size), size=size))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < size / 2
