"""Where encrypted layers are stored: blobs in Django's storage named `blobs`.

A blob's name can't be guessed and is never used twice, so a blob is written once, whole, and never changed. `BlobFiles`
ensures that on a file system; object stores do so already. Only ciphertext is stored: `groups.ingest.encrypt` makes it,
and `groups.storage.garbage` decides when a blob is deleted.
"""

from __future__ import annotations

import errno
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, TypeVar

import structlog
from django.core.files.storage import FileSystemStorage, Storage, storages

from groups.failures import StoreFailed
from groups.storage import s3_uploads
from groups.storage.blob_files import BlobFiles
from groups.storage.upload import Reader, Upload
from registries.foundation.ids import OrganizationId

log = structlog.get_logger(__name__)

Result = TypeVar("Result")


def new_name(organization_id: OrganizationId) -> str:
    """Return a name for a blob of this organization: unguessable, and never used before."""
    unique = uuid.uuid4().hex
    return f"{organization_id}/{unique[:2]}/{unique}"


def put(name: str, reader: Reader) -> None:
    """Store what `reader` yields, to its verified end, or nothing.

    The reader's own exceptions are raised unchanged; every exception of the storage becomes StoreFailed.
    """
    upload = Upload(reader, name)
    try:
        saved = _blobs().save(name, upload)  # type: ignore[arg-type]
        upload.finish()
        if saved != name:
            _blobs().delete(saved)
            raise FileExistsError(name)
    except BaseException as error:
        if not isinstance(error, FileExistsError):  # then the blob of that name is not this one
            try_delete(name)
        if upload.failure is not None:
            raise upload.failure from None
        if not isinstance(error, Exception):
            raise
        raise _store_failed("put", error) from None


def open(name: str) -> BinaryIO:
    """Open a blob for reading; the caller closes it. Raises StoreFailed, also where there is no such blob."""
    return _try("open", lambda: _blobs().open(name))  # type: ignore[return-value]


def size(name: str) -> int | None:
    """Return a blob's size in bytes, None where there is no such blob. Raises StoreFailed."""
    return _try("size", lambda: _blobs().size(name) if _blobs().exists(name) else None)


def delete(name: str) -> None:
    """Delete a blob, finished or not; a missing one is no error. Raises StoreFailed."""

    def remove() -> None:
        storage = _blobs()
        if isinstance(storage, BlobFiles):
            storage.draft(name).unlink(missing_ok=True)
        storage.delete(name)

    _try("delete", remove)


def try_delete(name: str) -> None:
    """Delete a blob like `delete`, but leave it to `groups.storage.garbage` where the storage fails."""
    with suppress(StoreFailed):
        delete(name)


def local_path(name: str) -> Path | None:
    """Return the file that holds a blob, None where the storage has no files of its own."""
    storage = _blobs()
    return Path(storage.path(name)) if isinstance(storage, FileSystemStorage) else None


def signed_url(name: str) -> str:
    """Return the object store's address of the blob, readable by anyone for one minute. Raises StoreFailed."""
    return _try("signed_url", lambda: str(_blobs().url(name)))


def names() -> Iterator[str]:
    """Yield the name of every blob. Raises StoreFailed."""
    for organization in _folders(""):
        for prefix in _folders(organization):
            for file in _list(prefix)[1]:
                yield f"{prefix}/{file}"


def written_at(name: str) -> datetime | None:
    """Return when a blob was written; None where it is gone. Raises StoreFailed."""

    def ask() -> datetime | None:
        try:
            return _blobs().get_modified_time(name)
        except Exception:  # each backend has its own for what is not there
            if _blobs().exists(name):
                raise
            return None

    moment = _try("written_at", ask)
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def remove_unfinished(before: datetime) -> int:
    """Delete what was left half-written before then: drafts of files, parts of uploads. Returns how many. Raises
    StoreFailed."""
    storage = _blobs()
    if isinstance(storage, BlobFiles):
        return _try("remove_drafts", lambda: storage.remove_drafts(before=before))
    return _try("abort_uploads", lambda: s3_uploads.abort_unfinished(storage, before))


def _folders(under: str) -> list[str]:
    return [f"{under}/{name}".lstrip("/") for name in sorted(_list(under)[0]) if not name.startswith(".")]


def _list(under: str) -> tuple[list[str], list[str]]:
    def ask() -> tuple[list[str], list[str]]:
        try:
            return _blobs().listdir(under)
        except FileNotFoundError:
            return [], []

    return _try("list", ask)


def _blobs() -> Storage:
    return storages["blobs"]


def _try(what: str, action: Callable[[], Result]) -> Result:
    try:
        return action()
    except Exception as error:
        failure = _store_failed(what, error)
    raise failure


def _store_failed(what: str, error: Exception) -> StoreFailed:
    """Backends raise exceptions of any kind. Only the kind is logged: messages may hold addresses and keys."""
    kind = errno.errorcode.get(error.errno or 0, "") if isinstance(error, OSError) else ""
    log.warning("store_failed", action=what, error=type(error).__name__, errno=kind)
    return StoreFailed(raw=kind or type(error).__name__)
