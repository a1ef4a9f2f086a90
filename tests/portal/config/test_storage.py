"""Which storage a URL means."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.config.storage import FileAccess, storage_options


def test_files() -> None:
    entry = storage_options("file:///srv/blobs")
    assert entry["BACKEND"] == "groups.storage.blob_files.BlobFiles"
    assert entry["OPTIONS"]["location"] == "/srv/blobs"


@pytest.mark.parametrize(
    ("access", "file", "folder"),
    [
        (None, 0o600, 0o700),
        (FileAccess(), 0o600, 0o700),
        (FileAccess(33), 0o640, 0o750),
        (FileAccess(33, everybody=True), 0o640, 0o750),
        (FileAccess(everybody=True), 0o644, 0o755),
    ],
)
def test_who_may_read_files(access: FileAccess | None, file: int, folder: int) -> None:
    options = storage_options("file:///srv/blobs", access)["OPTIONS"]
    assert (options["file_permissions_mode"], options["directory_permissions_mode"]) == (file, folder)
    assert options["group"] == (access.group if access else None)


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
