"""How the bytes of a layer are passed on: in pieces, each in a buffer that is reused.

A `ByteReader` fills a buffer that it is given; a `PieceSource` has its own, so that a piece can pass from one thread to
another without being copied. `ReadAhead` makes a source of a reader: it reads on while the previous piece is being
processed, so that one large layer can use two cores.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Protocol, Self, runtime_checkable

from groups.storage.direct_io import aligned

CHUNK = 1024 * 1024
BUFFERS = 3
MAX_JOIN_SECONDS = 1.0


class ByteReader(Protocol):
    """`readinto` fills a buffer as far as it can and returns the count, 0 at the verified end."""

    def readinto(self, buffer: memoryview, /) -> int: ...


@runtime_checkable
class PieceSource(Protocol):
    """`pieces` yields writable views, each valid until the next is asked for; the end is the verified end."""

    def pieces(self) -> Iterator[memoryview]: ...


def in_pieces(source: ByteReader | PieceSource) -> Iterator[memoryview]:
    """Yield the pieces of `source`, through one buffer where it has none of its own. Each is valid until the next."""
    if isinstance(source, PieceSource):
        yield from source.pieces()
        return
    buffer = aligned(CHUNK)
    while count := source.readinto(buffer):
        yield buffer[:count]


class ReadAhead:
    """Reads `reader` in a thread of its own, a few pieces ahead of its consumer. A context manager.

    An error in the thread is raised where its piece would have been yielded. Consumed by one thread, once.
    """

    def __init__(self, reader: ByteReader) -> None:
        self._reader = reader
        self._free: SimpleQueue[memoryview | None] = SimpleQueue()
        self._full: SimpleQueue[tuple[memoryview, int] | BaseException] = SimpleQueue()
        self._thread = threading.Thread(target=self._fill, name="read-ahead", daemon=True)

    def pieces(self) -> Iterator[memoryview]:
        """See `PieceSource`."""
        for _ in range(BUFFERS):
            self._free.put(aligned(CHUNK))
        self._thread.start()
        while True:
            item = self._full.get()
            if isinstance(item, BaseException):
                raise item
            buffer, count = item
            if not count:
                return
            yield buffer[:count]
            self._free.put(buffer)

    def _fill(self) -> None:
        try:
            count = 1
            while count and (buffer := self._free.get()) is not None:
                count = self._reader.readinto(buffer)
                self._full.put((buffer, count))
        except BaseException as error:
            self._full.put(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """End the thread, after the read that is in progress."""
        while not self._free.empty():
            self._free.get()
        self._free.put(None)
        if self._thread.ident is not None:
            self._thread.join(MAX_JOIN_SECONDS)
