"""From a `PORTAL_STORAGE_URL` to a backend of django-storages. `groups.storage.store` writes blobs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TypedDict
from urllib.parse import parse_qsl, urlsplit

SIGNED_FOR_SECONDS = 60


@dataclass(frozen=True)
class FileAccess:
    """Who may read files that hold blobs: their owner alone, also a group (by its id), or everybody."""

    group: int | None = None
    everybody: bool = False

    @property
    def file_mode(self) -> int:
        """The mode of files."""
        return 0o640 if self.group is not None else 0o644 if self.everybody else 0o600

    @property
    def folder_mode(self) -> int:
        """The mode of folders."""
        return 0o750 if self.group is not None else 0o755 if self.everybody else 0o700


class StorageSettings(TypedDict):
    """An entry of Django's `STORAGES`."""

    BACKEND: str
    OPTIONS: dict[str, object]


def storage_options(url: str, access: FileAccess | None = None) -> StorageSettings:
    """Return a `STORAGES` entry for `file:///path`, `s3://bucket?endpoint_url=…`, `gs://bucket` or
    `azure://container`. The query is passed to the backend. Addresses that it signs are valid for a minute, long
    enough to follow a redirect. `access` says who may read files. Raises ValueError for other addresses."""
    parts = urlsplit(url)
    options: dict[str, object] = dict(parse_qsl(parts.query))
    match parts.scheme:
        case "file":
            access = access or FileAccess()
            return {
                "BACKEND": "groups.storage.blob_files.BlobFiles",
                "OPTIONS": {
                    "location": parts.path,
                    "group": access.group,
                    "file_permissions_mode": access.file_mode,
                    "directory_permissions_mode": access.folder_mode,
                },
            }
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
