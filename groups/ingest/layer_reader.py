"""A layer from the registry's bytes to the ciphertext that is stored, in one pass.

    read and verify  →  see what it is  →  compress, if the registry serves it uncompressed  →  encrypt
                                        →  unpack and compress, if not every node can unpack it  →

The first stage of a large layer runs in a thread of its own, so that even a single one keeps two cores busy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from groups.ingest import unpack
from groups.ingest.buffers import CHUNK, ByteReader, ReadAhead
from groups.ingest.compress import MEDIA_TYPE, Compressor, ResultTooLarge
from groups.ingest.encrypt import EncryptingReader, LayerEncryption
from groups.ingest.layer_format import FormatReader, label_of
from registries.failures import UnsupportedManifest
from registries.oci.manifest import MAX_SIZE, Descriptor

READ_AHEAD_FROM = 4 * CHUNK
MAX_GROWTH = 4
"""How many times its size a layer may have after another compression: its size was reserved in the store. xz finds what
repeats within 64 MiB and zstd at this level within 2 MiB; real layers grow by half."""


@dataclass(frozen=True)
class StoredLayer:
    """A layer as it is stored: media type, digest and size (bytes) of what was encrypted, and how it was encrypted.
    `came_as` is how it was compressed when it came, as in `groups.ingest.layer_format.format_of`."""

    media_type: str
    digest: str
    size: int
    encryption: LayerEncryption
    came_as: str = ""

    def is_compressed_from(self, source: Descriptor) -> bool:
        """Whether it was compressed while pulling."""
        return self.digest != source.digest


class LayerReader:
    """Yields the ciphertext of the layer that `reader` reads and `source` describes. A context manager; `check` as in
    EncryptingReader.

    `diff_id` is the digest that the image's config gives the layer's content, "" if it is not known. A layer is
    uncompressed if that is its own; its label says less. `max_bytes` limits the content of a layer that is unpacked.
    """

    def __init__(
        self,
        reader: ByteReader,
        source: Descriptor,
        *,
        diff_id: str = "",
        max_bytes: int = MAX_SIZE,
        check: Callable[[], None],
    ) -> None:
        self._source = source
        with ExitStack() as stack:
            first = stack.enter_context(ReadAhead(reader)) if source.size >= READ_AHEAD_FROM else reader
            self._formatted = formatted = FormatReader(first)
            self._stack = stack.pop_all()
        self._problem = problem_of(source, diff_id, formatted)
        self._compressor: Compressor | None = None
        if diff_id and not self._problem:
            layer = name_of(source)
            if formatted.format in unpack.FORMATS:
                content = unpack.Unpacker(
                    formatted, formatted.format, diff_id=diff_id, layer=layer, max_bytes=max_bytes, check=check
                )
                self._compressor = Compressor(content, max_bytes=MAX_GROWTH * source.size + CHUNK)
            elif diff_id == source.digest:
                self._compressor = Compressor(formatted)
        size = source.size if self._compressor is None else None
        self._encrypting = EncryptingReader(self._compressor or formatted, size=size, check=check)

    @property
    def size(self) -> int | None:
        """Bytes of the ciphertext; None while it is not known yet."""
        return self._encrypting.size

    def pieces(self) -> Iterator[memoryview]:
        """See `groups.storage.upload.Reader`."""
        try:
            yield from self._encrypting.pieces()
        except ResultTooLarge:
            reason = f"{name_of(self._source)} is much larger once it is not {self._formatted.format}"
            raise UnsupportedManifest(reason=reason, raw=f"layer {self._formatted.format}") from None

    def stored_layer(self) -> StoredLayer:
        """Return the layer as it is stored, once everything was read. Raises ValueError before, and UnsupportedManifest
        for a layer that no node can unpack."""
        encryption, source, compressor = self._encrypting.encryption(), self._source, self._compressor
        if self._problem:
            raise UnsupportedManifest(reason=f"{name_of(source)} {self._problem}", raw="layer content")
        if compressor is not None:
            return StoredLayer(MEDIA_TYPE, compressor.digest, compressor.size, encryption, self._formatted.format)
        media_type = label_of(source.media_type, self._formatted.format)
        return StoredLayer(media_type, source.digest, source.size, encryption, self._formatted.format)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()


def name_of(layer: Descriptor) -> str:
    """How failures call a layer."""
    return f"layer {layer.digest[:19]}"


def problem_of(layer: Descriptor, diff_id: str, formatted: FormatReader) -> str:
    """Return why no node can unpack the layer, as far as its first bytes show it, as a clause about it; "" if it can
    be. Clients compare its content with `diff_id`, after they unpacked it."""
    if not diff_id:
        return ""
    if formatted.format:
        is_same = diff_id == layer.digest
        return f"is {formatted.format}, but the config calls it uncompressed" if is_same else ""
    if not formatted.is_tar:
        return "is neither a tar archive nor a compressed one"
    return "" if diff_id == layer.digest else "has other content than its config says"
