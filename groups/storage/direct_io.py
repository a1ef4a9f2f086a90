"""Writes a large file past the page cache.

A blob is written once and read much later, if at all. Through the cache its bytes would be copied once more, into
memory that has to be found for them, and wait there for the sync at the end; written directly they go from the buffer
in which they were encrypted to the disk, and the sync has nothing left to do. Where a file system doesn't take direct
writes, such as a tmpfs, the cache is used as ever.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os

BLOCK = 4096
"""Direct writes start and end on multiples of this, in memory as in the file. No disk asks for more."""
STAGE = 1024 * 1024
_DIRECT = getattr(os, "O_DIRECT", 0)


def aligned(size: int) -> memoryview:
    """Return a writable buffer that begins where direct writes may begin."""
    return memoryview(mmap.mmap(-1, size))


class DirectWriter:
    """Writes pieces to `file`, a descriptor that stands at the start of an empty file. Call `finish` at the end.

    Whole blocks of a piece that lies in an `aligned` buffer are written from there; what doesn't fit is gathered.
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
        """Write what is left, which needs no longer be whole blocks, and sync."""
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
    """Turn direct writes on or off; return whether the file system goes along."""
    flags = fcntl.fcntl(file, fcntl.F_GETFL)
    try:
        fcntl.fcntl(file, fcntl.F_SETFL, flags | _DIRECT if on else flags & ~_DIRECT)
    except OSError:
        return False
    return True


def _address(piece: memoryview) -> int:
    """Where the piece lies in memory; an odd number for one that can't be written to, which tells nothing of it."""
    return 1 if piece.readonly or not piece else ctypes.addressof(ctypes.c_char.from_buffer(piece))
