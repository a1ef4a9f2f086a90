"""Blobs as files, each either whole on disk or absent."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage

from groups import failpoints
from groups.failpoints import reached
from groups.storage.direct_io import DirectWriter
from groups.storage.upload import Upload

DRAFTS = ".drafts"


class BlobFiles(FileSystemStorage):
    """A storage whose files are either whole on disk or absent.

    A file is written under a draft name in the same file system, synced, then linked to its final name, which fails
    where that name is taken. `group`, an id, is the group that may read the files in addition to their owner; files and
    folders have the modes of `file_permissions_mode` and `directory_permissions_mode` whatever the umask is.
    """

    def __init__(self, *, group: int | None = None, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self._group = group

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return `name` unchanged: a taken name is an error here."""
        return name

    def _save(self, name: str, content: Upload | File[bytes]) -> str:
        final, draft = Path(self.path(name)), self.draft(name)
        self._make_folder(final.parent)
        self._make_folder(draft.parent)
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            try:
                self._share(file, self.file_permissions_mode)
                writer = DirectWriter(file)
                for piece in content.pieces() if isinstance(content, Upload) else content.chunks():
                    writer.write(memoryview(piece))
                reached(failpoints.BLOB_UNSYNCED)
                writer.finish()
            finally:
                os.close(file)
            reached(failpoints.BLOB_UNNAMED)
            _link(draft, final)
            reached(failpoints.BLOB_NAMED)
            _sync_folder(final.parent)
        finally:
            draft.unlink(missing_ok=True)
        return name

    def _make_folder(self, folder: Path) -> None:
        """Create a folder with its parents, each synced to disk before anything is put into it."""
        if folder.is_dir():
            return
        self._make_folder(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            self._share(folder, self.directory_permissions_mode)
            _sync_folder(folder.parent)

    def _share(self, entry: int | Path, mode: int | None) -> None:
        """Give a new file or folder to the group that may read it."""
        if self._group is not None:
            os.chown(entry, -1, self._group)
        if mode is not None:
            os.chmod(entry, mode)

    def draft(self, name: str) -> Path:
        """Return the path of the blob `name` while it is being written."""
        return Path(self.path(DRAFTS)) / name.rpartition("/")[2]

    def remove_drafts(self, *, before: datetime) -> int:
        """Delete drafts that were not modified since `before`; return how many."""
        removed = 0
        with suppress(FileNotFoundError):
            for entry in os.scandir(self.path(DRAFTS)):
                with suppress(FileNotFoundError):
                    if entry.stat().st_mtime < before.timestamp():
                        os.unlink(entry.path)
                        removed += 1
        return removed


def _link(draft: Path, final: Path) -> None:
    """Give the draft its final name. Raises FileExistsError where that is taken."""
    try:
        os.link(draft, final)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK):
            raise
        if final.exists():
            raise FileExistsError(final) from None
        os.rename(draft, final)  # a file system without hard links; names are unique anyway


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
