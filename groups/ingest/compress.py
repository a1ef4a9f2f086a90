"""Compresses a layer that comes uncompressed, while it streams by. Others stay as they are.

What is stored is told truly to the nodes: media type, digest and size are those of the compressed layer. The image's
config names its layers by the digests of their uncompressed content (`diff_ids`), so it stays as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import zstandard

from groups.ingest.buffers import Plain, Source, in_pieces

LEVEL = 3
MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar+zstd"
UNCOMPRESSED = frozenset({"application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar"})
# Some builders call a layer uncompressed that isn't. Compressed once more it would open to something else.
_COMPRESSED_BEGINS = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")


class Compressing:
    """Yields `plain` as zstd, and knows what came of it: `size` and `digest` (`sha256:<hex>`), once it has ended.

    Where the bytes turn out to be compressed already they are passed on as they are, and `applied` is False.
    """

    def __init__(self, plain: Plain | Source) -> None:
        self.applied = True
        self.size = 0
        self._plain = plain
        self._sha256 = hashlib.sha256()
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compressobj()

    @property
    def digest(self) -> str:
        """Of what was yielded so far."""
        return f"sha256:{self._sha256.hexdigest()}"

    def pieces(self) -> Iterator[memoryview]:
        """See `groups.ingest.buffers.Source`."""
        first = True
        for view in in_pieces(self._plain):
            if first:
                first, self.applied = False, not bytes(view[:4]).startswith(_COMPRESSED_BEGINS)
            if not self.applied:
                yield self._noted(view)
            elif compressed := self._compressor.compress(view):
                yield self._noted(memoryview(bytearray(compressed)))
        if self.applied:
            yield self._noted(memoryview(bytearray(self._compressor.flush())))

    def _noted(self, view: memoryview) -> memoryview:
        self.size += len(view)
        self._sha256.update(view)
        return view
