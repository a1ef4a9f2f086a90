"""From a `PORTAL_STORAGE_URL` to a backend of django-storages. `groups.storage.store` writes blobs."""

from __future__ import annotations

from datetime import timedelta
from typing import TypedDict
from urllib.parse import parse_qsl, urlsplit

SIGNED_FOR_SECONDS = 60


class StorageSettings(TypedDict):
    """An entry of Django's `STORAGES`."""

    BACKEND: str
    OPTIONS: dict[str, object]


def storage_options(url: str) -> StorageSettings:
    """Return a `STORAGES` entry for `file:///path`, `s3://bucket?endpoint_url=…`, `gs://bucket` or
    `azure://container`. The query is passed to the backend. Addresses that it signs are valid for a minute, long
    enough to follow a redirect. Raises ValueError for other addresses."""
    parts = urlsplit(url)
    options: dict[str, object] = dict(parse_qsl(parts.query))
    match parts.scheme:
        case "file":
            return {"BACKEND": "groups.storage.blob_files.BlobFiles", "OPTIONS": {"location": parts.path}}
        case "s3":
            # Names are never reused, so the backend need not check whether one is taken.
            return {
                "BACKEND": "storages.backends.s3.S3Storage",
                "OPTIONS": {
                    "bucket_name": parts.netloc,
                    "file_overwrite": True,
                    "default_acl": None,
                    "signature_version": "s3v4",
                    "querystring_expire": SIGNED_FOR_SECONDS,
                    **options,
                },
            }
        case "gs":
            return {
                "BACKEND": "storages.backends.gcloud.GoogleCloudStorage",
                "OPTIONS": {
                    "bucket_name": parts.netloc,
                    "expiration": timedelta(seconds=SIGNED_FOR_SECONDS),
                    **options,
                },
            }
        case "azure":
            return {
                "BACKEND": "storages.backends.azure_storage.AzureStorage",
                "OPTIONS": {"azure_container": parts.netloc, "expiration_secs": SIGNED_FOR_SECONDS, **options},
            }
    raise ValueError("PORTAL_STORAGE_URL starts with file://, s3://, gs:// or azure://")
