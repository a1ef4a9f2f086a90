"""Which storage a URL means."""

from __future__ import annotations

from datetime import timedelta

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


@pytest.mark.parametrize(
    ("url", "option", "minute"),
    [
        ("s3://images", "querystring_expire", 60),
        ("gs://images", "expiration", timedelta(minutes=1)),
        ("azure://images", "expiration_secs", 60),
    ],
)
def test_a_signed_address_is_good_for_a_minute(url: str, option: str, minute: object) -> None:
    assert storage_options(url)["OPTIONS"][option] == minute


def test_what_is_put_into_s3_has_the_rights_of_its_bucket() -> None:
    options = storage_options("s3://images")["OPTIONS"]
    assert options["default_acl"] is None
    assert options["file_overwrite"] is True
    assert options["signature_version"] == "s3v4"


@pytest.mark.parametrize("url", ["", "/srv/blobs", "ftp://images"])
def test_others_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="PORTAL_STORAGE_URL"):
        storage_options(url)
