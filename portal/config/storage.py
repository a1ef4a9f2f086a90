"""Which django-storages backend a `PORTAL_STORAGE_URL` means. Writing blobs safely is `groups.storage.store`'s."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

SIGNED_FOR_SECONDS = 60


def storage_options(url: str) -> dict[str, Any]:
    """Return a `STORAGES` entry for `file:///path`, `s3://bucket?endpoint_url=…`, `gs://bucket` or
    `azure://container`. What stands in the query is passed to the backend. Addresses that it signs are good for a
    minute: long enough to follow a redirect. Raises ValueError for others."""
    parts = urlsplit(url)
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    match parts.scheme:
        case "file":
            return {"BACKEND": "groups.storage.blob_files.BlobFiles", "OPTIONS": {"location": parts.path}}
        case "s3":
            # Names are never reused, so nothing looks first whether one is taken.
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
