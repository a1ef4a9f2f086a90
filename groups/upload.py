"""A reader dressed as the file that Django's storages take, in constant memory.

Storages of our own read it into their buffer; those of django-storages call `read` or `chunks` and may ask whether
it can seek: back to a start that was never left, and nowhere else. What goes wrong in the reader is kept, because
some backends wrap or swallow it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

CHUNK = 1024 * 1024
MOST_AT_ONCE = 16 * CHUNK


class Source(Protocol):
    """See `groups.store.Reader`."""

    @property
    def size(self) -> int: ...

    def readinto(self, buffer: memoryview, /) -> int: ...


class Upload:
    """`size` bytes of `source`, once. `failure` is what the source raised."""

    closed = False

    def __init__(self, source: Source, name: str) -> None:
        self.name = name
        self.size = source.size
        self.failure: BaseException | None = None
        self._source = source
        self._sent = 0
        self._ended = False

    def readinto(self, buffer: memoryview) -> int:
        """Fill `buffer` as far as there are bytes; return the count, 0 at the end."""
        try:
            count = self._source.readinto(buffer)
        except BaseException as error:
            self.failure = error
            raise
        self._sent += count
        self._ended = count == 0
        return count

    def read(self, size: int | None = -1) -> bytes:
        """Return at most `size` bytes, fewer only at the end. The rest at once is on offer only where it is short."""
        left = self.size - self._sent
        if size is None or size < 0:
            if left > MOST_AT_ONCE:
                raise ValueError("a blob is read in pieces")
            size = left
        buffer = bytearray(min(size, left))
        view, filled = memoryview(buffer), 0
        while filled < len(buffer) and (count := self.readinto(view[filled:])):
            filled += count
        return bytes(view[:filled])

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Yield everything in pieces."""
        while piece := self.read(chunk_size or CHUNK):
            yield piece

    def finish(self) -> None:
        """See that the source was read to its end, also where it is empty or the storage stopped at the last byte."""
        if self._sent != self.size or not (self._ended or self.readinto(memoryview(bytearray(1))) == 0):
            raise EOFError("the storage did not take everything")

    def multiple_chunks(self, chunk_size: int | None = None) -> bool:
        """Django asks whether it is more than one piece."""
        return self.size > (chunk_size or CHUNK)

    def readable(self) -> bool:
        """Files say so."""
        return True

    def seekable(self) -> bool:
        """It is read once, forwards."""
        return False

    def tell(self) -> int:
        """How many bytes were read."""
        return self._sent

    def seek(self, offset: int, whence: int = 0) -> int:
        """Stay where we are; nothing else is possible."""
        if whence != 0 or offset != self._sent:
            raise OSError("a stream can't be read again")
        return self._sent

    def close(self) -> None:
        """The source is closed by whoever opened it."""

    def __iter__(self) -> Iterator[bytes]:
        return self.chunks()
