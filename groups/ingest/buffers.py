"""How the bytes of a layer go from hand to hand: in pieces, each in a buffer that is used again.

A `Plain` fills a buffer that it is given; a `Source` brings its own, so that what comes in one thread can go on in
another without being copied. `ReadAhead` makes the second of the first: it keeps reading while the piece before is
being worked on, which lets one large layer use two cores.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Protocol, Self, runtime_checkable

from groups.storage.direct_io import aligned

CHUNK = 1024 * 1024
BUFFERS = 3
LAST_WORDS_SECONDS = 1.0


class Plain(Protocol):
    """`readinto` fills a buffer as far as it can and returns the count, 0 at the verified end."""

    def readinto(self, buffer: memoryview, /) -> int: ...


@runtime_checkable
class Source(Protocol):
    """`pieces` yields writable views, each valid until the next is asked for; the end is the verified end."""

    def pieces(self) -> Iterator[memoryview]: ...


def in_pieces(plain: Plain | Source) -> Iterator[memoryview]:
    """Yield what `plain` has; through one buffer, where it brings none."""
    if isinstance(plain, Source):
        yield from plain.pieces()
        return
    buffer = aligned(CHUNK)
    while count := plain.readinto(buffer):
        yield buffer[:count]


class ReadAhead:
    """Reads `plain` in a thread of its own, a few pieces ahead of whoever takes them. A context manager.

    What goes wrong in the thread is raised where the piece would have come. Taken by one thread, once.
    """

    def __init__(self, plain: Plain) -> None:
        self._plain = plain
        self._free: SimpleQueue[memoryview | None] = SimpleQueue()
        self._full: SimpleQueue[tuple[memoryview, int] | BaseException] = SimpleQueue()
        self._thread = threading.Thread(target=self._fill, name="read-ahead", daemon=True)

    def pieces(self) -> Iterator[memoryview]:
        """See `Source`."""
        for _ in range(BUFFERS):
            self._free.put(aligned(CHUNK))
        self._thread.start()
        while True:
            got = self._full.get()
            if isinstance(got, BaseException):
                raise got
            buffer, count = got
            if not count:
                return
            yield buffer[:count]
            self._free.put(buffer)

    def _fill(self) -> None:
        try:
            count = 1
            while count and (buffer := self._free.get()) is not None:
                count = self._plain.readinto(buffer)
                self._full.put((buffer, count))
        except BaseException as error:
            self._full.put(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Have the thread end; it does so after the read that it is in."""
        while not self._free.empty():
            self._free.get()
        self._free.put(None)
        if self._thread.ident is not None:
            self._thread.join(LAST_WORDS_SECONDS)
