"""Unpacks a layer in bzip2 or xz while it streams through, so that it can be compressed in a way that all nodes unpack.

podman and Docker unpack both, containerd neither. No specification of images has them, but builders that take ready
archives pass them on (google/go-containerregistry#1480).
"""

from __future__ import annotations

import bz2
import hashlib
import lzma
from collections.abc import Callable, Iterator
from typing import TypeAlias

from groups.ingest.buffers import CHUNK, PieceSource
from registries.failures import UnsupportedManifest

FORMATS = frozenset({"bzip2", "xz"})
MAX_XZ_MEMORY = 128 * 1024 * 1024
"""Bytes. `xz -9` takes 65 MiB to unpack."""

_Decompressor: TypeAlias = bz2.BZ2Decompressor | lzma.LZMADecompressor


class Unpacker:
    """Yields the content of `source`, which is in `compression`, one of `FORMATS`. `check` as in EncryptingReader.

    Once the source was read to its verified end, it raises UnsupportedManifest, which calls it `layer`: for content
    that is broken off or damaged, that has more than `max_bytes`, or another digest than `diff_id` (`sha256:<hex>`).
    """

    def __init__(
        self,
        source: PieceSource,
        compression: str,
        *,
        diff_id: str,
        layer: str,
        max_bytes: int,
        check: Callable[[], None],
    ) -> None:
        self._source = source
        self._compression = compression
        self._diff_id = diff_id
        self._layer = layer
        self._max_bytes = max_bytes
        self._check = check
        self._sha256 = hashlib.sha256()
        self._count = 0
        self._stream: _Decompressor | None = None
        self._problem = ""

    def pieces(self) -> Iterator[memoryview]:
        """See `groups.ingest.buffers.PieceSource`."""
        for view in self._source.pieces():
            # After a problem the rest is read all the same: bytes that were sent wrongly are another failure.
            if not self._problem:
                yield from self._unpack(bytes(view))
        if not self._problem and self._stream is not None:
            self._problem = f"ends before its {self._compression} does"
        if not self._problem and f"sha256:{self._sha256.hexdigest()}" != self._diff_id:
            self._problem = "has other content than its config says"
        if self._problem:
            raise UnsupportedManifest(reason=f"{self._layer} {self._problem}", raw=f"layer {self._compression}")

    def _unpack(self, data: bytes) -> Iterator[memoryview]:
        """What there is in `data`, which may have the end of one stream and the beginning of another."""
        while data := self._without_padding(data):
            stream = self._stream = self._stream or self._begin()
            while data or not (stream.eof or stream.needs_input):
                try:
                    content = stream.decompress(data, CHUNK)
                except (OSError, EOFError, lzma.LZMAError):
                    self._problem = f"can't be unpacked as {self._compression}"
                    return
                data = b""
                self._check()
                self._count += len(content)
                if self._count > self._max_bytes:
                    self._problem = "unpacks to more than an image can have"
                    return
                self._sha256.update(content)
                yield memoryview(bytearray(content))
            if stream.eof:
                data, self._stream = stream.unused_data, None

    def _without_padding(self, data: bytes) -> bytes:
        """Between its streams xz may have zeros."""
        return data.lstrip(b"\0") if self._stream is None and self._compression == "xz" else data

    def _begin(self) -> _Decompressor:
        if self._compression == "bzip2":
            return bz2.BZ2Decompressor()
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_XZ_MEMORY)
