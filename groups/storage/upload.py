"""A reader dressed as the file that Django's storages take, in constant memory.

Storages of our own take its pieces as they are; those of django-storages call `read` or `chunks` and may ask whether
it can seek: back to a start that was never left, and nowhere else. What goes wrong in the reader is kept, because
some backends wrap or swallow it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

CHUNK = 1024 * 1024
MAX_AT_ONCE = 16 * CHUNK


class Reader(Protocol):
    """What is stored: `pieces` yields views, each valid until the next is asked for; the end is the verified end.
    `size` may be None until then."""

    @property
    def size(self) -> int | None: ...

    def pieces(self) -> Iterator[memoryview]: ...


class Upload:
    """What `reader` yields, once. `failure` is what the reader raised."""

    closed = False

    def __init__(self, reader: Reader, name: str) -> None:
        self.name = name
        self.failure: BaseException | None = None
        self._reader = reader
        self._pieces = reader.pieces()
        self._rest = memoryview(b"")
        self._sent = 0
        self._ended = False

    @property
    def size(self) -> int | None:
        """The bytes in all; None while the reader can't tell yet."""
        return self._reader.size

    def pieces(self) -> Iterator[memoryview]:
        """Yield everything that is still to come, each piece valid until the next is asked for."""
        while piece := self._next():
            self._sent += len(piece)
            yield piece

    def read(self, size: int | None = -1) -> bytes:
        """Return at most `size` bytes, fewer only at the end. The rest at once is on offer only where it is short."""
        everything = size is None or size < 0
        most = MAX_AT_ONCE + 1 if everything or size is None else size
        if everything and self.size is not None and self.size - self._sent > MAX_AT_ONCE:
            raise ValueError("a blob is read in pieces")
        gathered = bytearray()
        while len(gathered) < most and (self._rest or self._more()):
            taken = self._rest[: most - len(gathered)]
            gathered += taken
            self._rest = self._rest[len(taken) :]
        if everything and len(gathered) == most:
            raise ValueError("a blob is read in pieces")
        self._sent += len(gathered)
        return bytes(gathered)

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Yield everything in pieces of that size."""
        while piece := self.read(chunk_size or CHUNK):
            yield piece

    def finish(self) -> None:
        """See that the reader was read to its end, also where it is empty or the storage stopped at the last byte."""
        if not self._rest and not self._ended:
            self._more()
        if self._rest or self._sent != self.size:
            raise EOFError("the storage did not take everything")

    def multiple_chunks(self, chunk_size: int | None = None) -> bool:
        """Django asks whether it is more than one piece."""
        return self.size is None or self.size > (chunk_size or CHUNK)

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
        """The reader is closed by whoever opened it."""

    def __iter__(self) -> Iterator[bytes]:
        return self.chunks()

    def _next(self) -> memoryview:
        """Take the piece in hand, or the next one; empty at the end."""
        if not self._rest:
            self._more()
        piece, self._rest = self._rest, self._rest[:0]
        return piece

    def _more(self) -> bool:
        """Have the next piece in hand; return False at the end."""
        if self._ended:
            return False
        try:
            self._rest = next(piece for piece in self._pieces if piece)
        except StopIteration:
            self._ended, self._rest = True, memoryview(b"")
            return False
        except BaseException as error:
            self.failure = error
            raise
        return True
