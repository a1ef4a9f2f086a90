"""Which storage a URL means."""

from __future__ import annotations

import pytest

from portal.config.storage import storage_options


def test_files() -> None:
    assert storage_options("file:///srv/blobs") == {
        "BACKEND": "groups.storage.blob_files.BlobFiles",
        "OPTIONS": {"location": "/srv/blobs"},
    }


def test_s3_with_an_endpoint() -> None:
    entry = storage_options("s3://images?endpoint_url=https://minio.example&region_name=eu-1")
    assert entry["BACKEND"] == "storages.backends.s3.S3Storage"
    assert entry["OPTIONS"]["bucket_name"] == "images"
    assert entry["OPTIONS"]["endpoint_url"] == "https://minio.example"
    assert entry["OPTIONS"]["region_name"] == "eu-1"


@pytest.mark.parametrize("url", ["", "/srv/blobs", "ftp://images"])
def test_others_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="PORTAL_STORAGE_URL"):
        storage_options(url)
