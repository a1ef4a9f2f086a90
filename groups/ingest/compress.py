"""Compresses the content of a layer as zstd while it streams through: of one that the registry serves uncompressed, or
in a way that not every node unpacks (`groups.ingest.unpack`). Other layers stay as they are.

Nodes get the media type, digest and size of the compressed layer. The image's config lists its layers by the digests of
their uncompressed content (`diff_ids`), so it stays as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import zstandard

from groups.ingest.buffers import PieceSource

LEVEL = 3
MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar+zstd"


class ResultTooLarge(Exception):
    """What is compressed is larger than it may be."""


class Compressor:
    """Yields `source` as zstd; afterwards `size` (bytes) and `digest` (`sha256:<hex>`) are those of the result. Raises
    ResultTooLarge once it has more than `max_bytes`."""

    def __init__(self, source: PieceSource, *, max_bytes: int | None = None) -> None:
        self.size = 0
        self._source = source
        self._max_bytes = max_bytes
        self._sha256 = hashlib.sha256()
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compressobj()

    @property
    def digest(self) -> str:
        """The digest of the bytes yielded so far."""
        return f"sha256:{self._sha256.hexdigest()}"

    def pieces(self) -> Iterator[memoryview]:
        """See `groups.ingest.buffers.PieceSource`."""
        for view in self._source.pieces():
            if compressed := self._compressor.compress(view):
                yield self._count(memoryview(bytearray(compressed)))
        yield self._count(memoryview(bytearray(self._compressor.flush())))

    def _count(self, view: memoryview) -> memoryview:
        self.size += len(view)
        if self._max_bytes is not None and self.size > self._max_bytes:
            raise ResultTooLarge
        self._sha256.update(view)
        return view
