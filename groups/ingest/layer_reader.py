"""A layer from the registry's bytes to the ciphertext that is stored, in one pass.

    read and verify  →  compress, where it came uncompressed  →  encrypt

The first stage of a large layer runs in a thread of its own, so that even a single one keeps two cores busy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from groups.ingest.buffers import CHUNK, Plain, ReadAhead
from groups.ingest.compress import MEDIA_TYPE, UNCOMPRESSED, Compressing
from groups.ingest.encrypt import EncryptingReader, Sealed
from registries.oci.manifest import Descriptor

READ_AHEAD_FROM = 4 * CHUNK


@dataclass(frozen=True)
class Kept:
    """How a layer is kept: media type, digest and size of what was encrypted, and what it takes to open it."""

    media_type: str
    digest: str
    size: int
    sealed: Sealed

    def is_compressed_from(self, source: Descriptor) -> bool:
        """Whether it was compressed on its way."""
        return self.digest != source.digest


class LayerReader:
    """Yields the ciphertext of the layer that `plain` reads. A context manager; `check` as in EncryptingReader."""

    def __init__(self, plain: Plain, source: Descriptor, *, check: Callable[[], None]) -> None:
        self._source = source
        self._stack = ExitStack()
        first = self._stack.enter_context(ReadAhead(plain)) if source.size >= READ_AHEAD_FROM else plain
        self._compressing = Compressing(first) if source.media_type in UNCOMPRESSED else None
        size = source.size if self._compressing is None else None
        self._encrypting = EncryptingReader(self._compressing or first, size=size, check=check)

    @property
    def size(self) -> int | None:
        """Bytes of the ciphertext; None while that can't be told yet."""
        return self._encrypting.size

    def pieces(self) -> Iterator[memoryview]:
        """See `groups.storage.upload.Reader`."""
        return self._encrypting.pieces()

    def kept(self) -> Kept:
        """Return how the layer is kept, once everything was read. Raises ValueError before."""
        sealed, source, compressing = self._encrypting.sealed(), self._source, self._compressing
        if compressing is None or not compressing.applied:
            return Kept(source.media_type, source.digest, source.size, sealed)
        return Kept(MEDIA_TYPE, compressing.digest, compressing.size, sealed)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()
