"""Adapts a reader to the file object that Django's storages expect, in constant memory.

`BlobFiles` takes its pieces as they are; the backends of django-storages call `read` or `chunks`, and may seek to the
position that it is at, nowhere else. An exception of the reader is kept, because some backends wrap or swallow it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

CHUNK = 1024 * 1024
MAX_READ_BYTES = 16 * CHUNK


class Reader(Protocol):
    """The content to store: `pieces` yields views, each valid until the next, and ends once the content is verified.
    `size` is in bytes, and may be None until then."""

    @property
    def size(self) -> int | None: ...

    def pieces(self) -> Iterator[memoryview]: ...


class Upload:
    """A file that yields the content of `reader`, once. `failure` is the exception that the reader raised, if any."""

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
        """The size in bytes; None while the reader doesn't know it yet."""
        return self._reader.size

    def pieces(self) -> Iterator[memoryview]:
        """Yield the rest of the content, each piece valid until the next."""
        while piece := self._next():
            self._sent += len(piece)
            yield piece

    def read(self, size: int | None = -1) -> bytes:
        """Return at most `size` bytes, fewer only at the end; without `size` the rest. Raises ValueError where the rest
        is more than `MAX_READ_BYTES`."""
        everything = size is None or size < 0
        limit = MAX_READ_BYTES + 1 if everything or size is None else size
        if everything and self.size is not None and self.size - self._sent > MAX_READ_BYTES:
            raise ValueError("a blob is read in pieces")
        gathered = bytearray()
        while len(gathered) < limit and (self._rest or self._more()):
            taken = self._rest[: limit - len(gathered)]
            gathered += taken
            self._rest = self._rest[len(taken) :]
        if everything and len(gathered) == limit:
            raise ValueError("a blob is read in pieces")
        self._sent += len(gathered)
        return bytes(gathered)

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Yield the rest of the content in pieces of `chunk_size` bytes."""
        while piece := self.read(chunk_size or CHUNK):
            yield piece

    def finish(self) -> None:
        """Read the reader to its verified end, also if it is empty or the storage stopped at the last byte.

        Raises EOFError where the storage did not take everything, and the reader's exceptions.
        """
        if not self._rest and not self._ended:
            self._more()
        if self._rest or self._sent != self.size:
            raise EOFError("the storage did not take everything")

    def multiple_chunks(self, chunk_size: int | None = None) -> bool:
        """Return whether the content is more than one chunk, or of unknown size."""
        return self.size is None or self.size > (chunk_size or CHUNK)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return False: it is read once, forwards."""
        return False

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._sent

    def seek(self, offset: int, whence: int = 0) -> int:
        """Accept only the current position. Raises OSError for any other."""
        if whence != 0 or offset != self._sent:
            raise OSError("a stream can't be read again")
        return self._sent

    def close(self) -> None:
        """Do nothing: the reader's owner closes it."""

    def __iter__(self) -> Iterator[bytes]:
        return self.chunks()

    def _next(self) -> memoryview:
        """Take the current piece, or the next one; empty at the end."""
        if not self._rest:
            self._more()
        piece, self._rest = self._rest, self._rest[:0]
        return piece

    def _more(self) -> bool:
        """Fetch the next piece; return False at the end."""
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
