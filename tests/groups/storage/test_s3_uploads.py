"""Uploads to S3 that were begun and never finished, against a server that keeps them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from pytest_django.fixtures import Settings

from groups.storage import store
from portal.config.storage import storage_options
from registries.failures import DigestMismatch
from registries.foundation.ids import OrganizationId
from tests.groups.storage.test_store import Pieces
from tests.support.fakes.aws import FakeAws

pytestmark = pytest.mark.slow

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
ORGANIZATION_ID = OrganizationId(7)


@pytest.fixture(scope="module")
def aws() -> Iterator[FakeAws]:
    with FakeAws() as fake:
        yield fake


@pytest.fixture(params=["", "drayage/box_"])
def bucket(request: pytest.FixtureRequest, aws: FakeAws, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A bucket that the store is in, at its root or below a folder of it."""
    for name, value in {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "NO_PROXY": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    s3 = boto3.resource("s3", endpoint_url=aws.url, region_name="us-east-1")
    made = s3.create_bucket(Bucket=f"blobs-{os.urandom(4).hex()}")
    url = f"s3://{made.name}?endpoint_url={aws.url}&region_name=us-east-1&addressing_style=path"
    settings.STORAGES = settings.STORAGES | {"blobs": storage_options(f"{url}&location={request.param}")}
    made.folder = f"{request.param}/" if request.param else ""
    return made


def begin(bucket: Any, key: str) -> None:
    """Begin an upload in parts, send one, and die."""
    upload = bucket.Object(key).initiate_multipart_upload()
    upload.Part(1).upload(Body=b"x" * 5_300_000)


def open_uploads(bucket: Any) -> list[str]:
    return sorted(upload.object_key for upload in bucket.multipart_uploads.all())


def test_what_was_begun_long_ago_is_aborted_and_other_peoples_is_not(bucket: Any) -> None:
    ours = bucket.folder + store.new_name(ORGANIZATION_ID)
    begin(bucket, ours)
    begin(bucket, "backups/2026/database.tar")
    begin(bucket, f"{bucket.folder}not/a/blob")
    others = ["backups/2026/database.tar", f"{bucket.folder}not/a/blob"]
    if bucket.folder:
        others.append(store.new_name(ORGANIZATION_ID))  # another portal's, at the root
        begin(bucket, others[-1])

    assert store.remove_unfinished(LONG_AGO) == 0
    assert ours in open_uploads(bucket)
    assert store.remove_unfinished(datetime.now(UTC) + timedelta(hours=1)) == 1

    assert open_uploads(bucket) == sorted(others)


@pytest.mark.parametrize("sized", [True, False])
def test_a_blob_in_parts_is_there_whole_or_not_at_all(bucket: Any, sized: bool) -> None:
    content, name = os.urandom(20_000_001), store.new_name(ORGANIZATION_ID)

    store.put(name, Pieces(content, sized=sized))
    with store.open(name) as file:
        assert file.read() == content
    broken = store.new_name(ORGANIZATION_ID)
    with pytest.raises(DigestMismatch):
        store.put(broken, Pieces(content, size=len(content) + 1, failure=DigestMismatch(what="layer"), sized=sized))

    assert store.size(broken) is None
    assert open_uploads(bucket) == []
