"""Ends uploads to S3 that somebody began in parts and never finished. Their parts are stored, listed nowhere and paid
for until somebody does.

Only uploads of blobs are touched (`groups.storage.store.new_name`), below the place where the storage keeps its
objects: the bucket may hold other people's as well.
"""

from __future__ import annotations

import re
from datetime import datetime

from django.core.files.storage import Storage

_BLOB = re.compile(r"[0-9a-f-]{36}/[0-9a-f]{2}/[0-9a-f]{32}")


def abort_unfinished(storage: Storage, before: datetime) -> int:
    """Abort what was begun before then; return how many. 0 for storages without such uploads. Raises what boto3
    raises."""
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
