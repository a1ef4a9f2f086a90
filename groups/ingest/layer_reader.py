"""A layer from the registry's bytes to the ciphertext that is stored, in one pass.

    read and verify  →  compress, if the registry serves it uncompressed  →  encrypt

The first stage of a large layer runs in a thread of its own, so that even a single one keeps two cores busy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from groups.ingest.buffers import CHUNK, ByteReader, ReadAhead
from groups.ingest.compress import MEDIA_TYPE, UNCOMPRESSED, Compressor
from groups.ingest.encrypt import EncryptingReader, LayerEncryption
from registries.oci.manifest import Descriptor

READ_AHEAD_FROM = 4 * CHUNK


@dataclass(frozen=True)
class StoredLayer:
    """A layer as it is stored: media type, digest and size (bytes) of what was encrypted, and how it was encrypted."""

    media_type: str
    digest: str
    size: int
    encryption: LayerEncryption

    def is_compressed_from(self, source: Descriptor) -> bool:
        """Whether it was compressed while pulling."""
        return self.digest != source.digest


class LayerReader:
    """Yields the ciphertext of the layer that `reader` reads and `source` describes. A context manager; `check` as in
    EncryptingReader."""

    def __init__(self, reader: ByteReader, source: Descriptor, *, check: Callable[[], None]) -> None:
        self._source = source
        self._stack = ExitStack()
        first = self._stack.enter_context(ReadAhead(reader)) if source.size >= READ_AHEAD_FROM else reader
        self._compressor = Compressor(first) if source.media_type in UNCOMPRESSED else None
        size = source.size if self._compressor is None else None
        self._encrypting = EncryptingReader(self._compressor or first, size=size, check=check)

    @property
    def size(self) -> int | None:
        """Bytes of the ciphertext; None while it is not known yet."""
        return self._encrypting.size

    def pieces(self) -> Iterator[memoryview]:
        """See `groups.storage.upload.Reader`."""
        return self._encrypting.pieces()

    def stored_layer(self) -> StoredLayer:
        """Return the layer as it is stored, once everything was read. Raises ValueError before."""
        encryption, source, compressor = self._encrypting.encryption(), self._source, self._compressor
        if compressor is None or not compressor.applied:
            return StoredLayer(source.media_type, source.digest, source.size, encryption)
        return StoredLayer(MEDIA_TYPE, compressor.digest, compressor.size, encryption)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()
