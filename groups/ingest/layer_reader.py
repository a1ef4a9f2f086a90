"""A layer from the registry's bytes to the ciphertext that is stored, in one pass.

    read and verify  →  see what it is  →  compress, if the registry serves it uncompressed  →  encrypt

The first stage of a large layer runs in a thread of its own, so that even a single one keeps two cores busy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from groups.ingest.buffers import CHUNK, ByteReader, ReadAhead
from groups.ingest.compress import MEDIA_TYPE, Compressor
from groups.ingest.encrypt import EncryptingReader, LayerEncryption
from groups.ingest.layer_format import FormatReader, label_of
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
    EncryptingReader.

    A layer is uncompressed if the image's config gives its content the digest that it has itself; its label says less.
    """

    def __init__(
        self, reader: ByteReader, source: Descriptor, *, is_uncompressed: bool = False, check: Callable[[], None]
    ) -> None:
        self._source = source
        self._stack = ExitStack()
        first = self._stack.enter_context(ReadAhead(reader)) if source.size >= READ_AHEAD_FROM else reader
        self._formatted = FormatReader(first)
        self._compressor = Compressor(self._formatted) if is_uncompressed else None
        size = source.size if self._compressor is None else None
        self._encrypting = EncryptingReader(self._compressor or self._formatted, size=size, check=check)

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
            media_type = label_of(source.media_type, self._formatted.format)
            return StoredLayer(media_type, source.digest, source.size, encryption)
        return StoredLayer(MEDIA_TYPE, compressor.digest, compressor.size, encryption)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()
