"""Compresses a layer that the registry serves uncompressed, while it streams through. Other layers stay as they are.

Nodes get the media type, digest and size of the compressed layer. The image's config lists its layers by the digests of
their uncompressed content (`diff_ids`), so it stays as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import zstandard

from groups.ingest.layer_format import FormatReader

LEVEL = 3
MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar+zstd"


class Compressor:
    """Yields `source` as zstd; afterwards `size` (bytes) and `digest` (`sha256:<hex>`) are those of the result.

    Bytes that are compressed already are passed on unchanged, and `applied` is False: some builders list a compressed
    layer as if it were its content, and compressed again no node could unpack it.
    """

    def __init__(self, source: FormatReader) -> None:
        self.applied = True
        self.size = 0
        self._source = source
        self._sha256 = hashlib.sha256()
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compressobj()

    @property
    def digest(self) -> str:
        """The digest of the bytes yielded so far."""
        return f"sha256:{self._sha256.hexdigest()}"

    def pieces(self) -> Iterator[memoryview]:
        """See `groups.ingest.buffers.PieceSource`."""
        for view in self._source.pieces():
            self.applied = not self._source.format
            if not self.applied:
                yield self._count(view)
            elif compressed := self._compressor.compress(view):
                yield self._count(memoryview(bytearray(compressed)))
        if self.applied:
            yield self._count(memoryview(bytearray(self._compressor.flush())))

    def _count(self, view: memoryview) -> memoryview:
        self.size += len(view)
        self._sha256.update(view)
        return view
