"""Aborts multipart uploads to S3 that were never finished. Until then their parts are stored and billed, but not
listed.

Only uploads of blobs are aborted (`groups.storage.store.new_name`), below the storage's own prefix: the bucket may hold
other objects as well.
"""

from __future__ import annotations

import re
from datetime import datetime

from django.core.files.storage import Storage

_BLOB = re.compile(r"[0-9]+/[0-9a-f]{2}/[0-9a-f]{32}")


def abort_unfinished(storage: Storage, before: datetime) -> int:
    """Abort uploads that were started before then; return how many. 0 for storages without such uploads. Raises
    boto3's exceptions."""
    bucket = getattr(storage, "bucket", None)
    if bucket is None or not hasattr(bucket, "multipart_uploads"):
        return 0
    location = str(getattr(storage, "location", "")).strip("/")
    prefix = f"{location}/" if location else ""
    aborted = 0
    for upload in bucket.multipart_uploads.filter(Prefix=prefix):
        if _BLOB.fullmatch(upload.object_key.removeprefix(prefix)) and upload.initiated < before:
            upload.abort()
            aborted += 1
    return aborted
