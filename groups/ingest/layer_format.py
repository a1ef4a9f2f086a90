"""What a layer is made of: what its first bytes say. The label in its manifest is often another one.

containerd takes a label literally (containerd/containerd#10134, #13662), so the label that nodes get is made from this.
"""

from __future__ import annotations

from collections.abc import Iterator

from groups.ingest.buffers import ByteReader, PieceSource, in_pieces
from registries.oci import blob_types

HEAD_BYTES = 512
"""A block of tar. The magic number of tar is at its 257th byte."""
_TAR_MAGIC_AT = 257
_MAGIC = (
    (b"\x1f\x8b\x08", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
)
_SKIPPABLE_ZSTD = b"\x2a\x4d\x18"
"""How frames go on that zstd may begin with, after a byte from 0x50 to 0x5f."""


def format_of(head: bytes | bytearray | memoryview) -> str:
    """Return `gzip`, `zstd`, `bzip2` or `xz` for content that begins with `head`, "" for tar and everything else."""
    begin = bytes(head[:HEAD_BYTES])
    if begin[_TAR_MAGIC_AT:].startswith(b"ustar"):  # whatever the name of its first file begins with
        return ""
    if begin[1:4] == _SKIPPABLE_ZSTD and begin[0] & 0xF0 == 0x50:
        return "zstd"
    return next((name for magic, name in _MAGIC if begin.startswith(magic)), "")


def label_of(media_type: str, found: str) -> str:
    """Return the media type of a layer that is made of `found`, as in `format_of`, and was called `media_type`. That
    stays where it is right, and where the bytes say nothing."""
    said = blob_types.compression_of(media_type)
    if media_type in blob_types.KEPT_LAYERS and found in {said, ""}:
        return media_type
    return blob_types.OCI_LAYER + (f"+{found or said}" if found or said else "")


class FormatReader:
    """Passes on what `source` has. `format` is what it is made of, as in `format_of`, from the first piece on. That has
    at least `HEAD_BYTES`, if there are as many. Read by one thread."""

    def __init__(self, source: ByteReader | PieceSource) -> None:
        self.format = ""
        self._source = source

    def pieces(self) -> Iterator[memoryview]:
        """See `groups.ingest.buffers.PieceSource`."""
        pieces = in_pieces(self._source)
        for view in pieces:
            first = view if len(view) >= HEAD_BYTES else _longer(view, pieces)
            self.format = format_of(first)
            yield first
            yield from pieces


def _longer(view: memoryview, pieces: Iterator[memoryview]) -> memoryview:
    """A piece with at least the head: pieces are short where a transfer broke off."""
    held = bytearray(view)
    while len(held) < HEAD_BYTES and (following := next(pieces, None)) is not None:
        held += following
    return memoryview(held)
