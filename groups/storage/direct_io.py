"""Writes a large file past the page cache.

A blob is written once and read much later, if at all. Through the cache its bytes would be copied once more, into
newly allocated memory, and wait there for the sync at the end; direct writes go from the buffer in which the bytes were
encrypted to the disk, and leave nothing to sync. Where a file system doesn't support direct writes, such as tmpfs, the
cache is used.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os

BLOCK = 4096
"""Direct writes start and end on multiples of this, in memory as in the file. No disk requires more."""
STAGE = 1024 * 1024
_DIRECT = getattr(os, "O_DIRECT", 0)


def aligned(size: int) -> memoryview:
    """Return a writable buffer of `size` bytes whose address is aligned for direct writes."""
    return memoryview(mmap.mmap(-1, size))


class DirectWriter:
    """Writes pieces to `file`, the descriptor of an empty file. Call `finish` at the end.

    Whole blocks of a piece in an `aligned` buffer are written from there; other bytes are collected in a buffer first.
    Raises OSError.
    """

    def __init__(self, file: int) -> None:
        self._file = file
        self._stage: memoryview | None = None
        self._staged = 0
        self._direct = bool(_DIRECT) and _switch(file, on=True)

    def write(self, piece: memoryview) -> None:
        """Write all of `piece`, or keep a copy of it until there is more."""
        if not self._direct:
            self._put(piece)
            return
        if not self._staged and not _address(piece) % BLOCK:
            whole = len(piece) - len(piece) % BLOCK
            self._put(piece[:whole])
            piece = piece[whole:]
        while piece:
            if self._stage is None:
                self._stage = aligned(STAGE)
            taken = min(len(piece), STAGE - self._staged)
            self._stage[self._staged : self._staged + taken] = piece[:taken]
            self._staged += taken
            piece = piece[taken:]
            if self._staged == STAGE:
                self._put(self._stage)
                self._staged = 0

    def finish(self) -> None:
        """Write the rest, which need not be whole blocks, and sync."""
        self._give_up_direct()
        if self._stage is not None:
            self._put(self._stage[: self._staged])
        os.fsync(self._file)

    def _put(self, view: memoryview) -> None:
        while view:
            try:
                view = view[os.write(self._file, view) :]
            except OSError as error:
                if error.errno != errno.EINVAL or not self._direct:
                    raise
                self._give_up_direct()

    def _give_up_direct(self) -> None:
        if self._direct:
            _switch(self._file, on=False)
            self._direct = False


def _switch(file: int, *, on: bool) -> bool:
    """Turn direct writes on or off; return whether the file system supports it."""
    flags = fcntl.fcntl(file, fcntl.F_GETFL)
    try:
        fcntl.fcntl(file, fcntl.F_SETFL, flags | _DIRECT if on else flags & ~_DIRECT)
    except OSError:
        return False
    return True


def _address(piece: memoryview) -> int:
    """The address of the piece; 1, which is not aligned, for a read-only piece, whose address can't be had."""
    return 1 if piece.readonly or not piece else ctypes.addressof(ctypes.c_char.from_buffer(piece))
