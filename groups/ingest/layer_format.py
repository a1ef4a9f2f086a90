"""What a layer is made of: what its first bytes say. The label in its manifest is often another one.

containerd takes a label literally (containerd/containerd#10134, #13662), so the label that nodes get is made from this.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from groups.ingest.buffers import ByteReader, PieceSource, in_pieces
from registries.oci import blob_types

HEAD_BYTES = 512
"""A block of tar. The magic number of tar is at its 257th byte."""
_TAR_MAGIC_AT = 257
_CHECKSUM = slice(148, 156)
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


def is_tar(head: bytes | bytearray | memoryview) -> bool:
    """Return whether content that begins with `head` is a tar archive or empty: its first block is a header with the
    right checksum, or the zeros at the end of an archive. All tars have the checksum, from before "ustar" too."""
    block = bytes(head[:HEAD_BYTES])
    if len(block) < HEAD_BYTES:
        return not block
    if not any(block):
        return True
    written = block[_CHECKSUM].strip(b" \0").partition(b"\0")[0]
    counted = block[: _CHECKSUM.start] + b" " * 8 + block[_CHECKSUM.stop :]
    signed = sum(byte - 256 * (byte > 127) for byte in counted)
    return re.fullmatch(rb"[0-7]+", written) is not None and int(written, 8) in {sum(counted), signed}


def label_of(media_type: str, found: str) -> str:
    """Return the media type of a layer that is made of `found`, as in `format_of`, and was called `media_type`. That
    stays where it is right, and where the bytes say nothing."""
    said = blob_types.compression_of(media_type)
    if media_type in blob_types.KEPT_LAYERS and found in {said, ""}:
        return media_type
    return blob_types.OCI_LAYER + (f"+{found or said}" if found or said else "")


class FormatReader:
    """Passes on what `source` has. Reading the first piece tells `format`, as in `format_of`, and `is_tar`. That piece
    has at least `HEAD_BYTES`, if there are as many. Read by one thread."""

    def __init__(self, source: ByteReader | PieceSource) -> None:
        self._pieces = in_pieces(source)
        self._first = _longer(next(self._pieces, memoryview(b"")), self._pieces)
        self.format = format_of(self._first)
        self.is_tar = is_tar(self._first)

    def pieces(self) -> Iterator[memoryview]:
        """See `groups.ingest.buffers.PieceSource`."""
        if self._first:
            yield self._first
        yield from self._pieces


def _longer(view: memoryview, pieces: Iterator[memoryview]) -> memoryview:
    """A piece with at least the head: pieces are short where a transfer broke off."""
    if len(view) >= HEAD_BYTES:
        return view
    held = bytearray(view)
    while len(held) < HEAD_BYTES and (following := next(pieces, None)) is not None:
        held += following
    return memoryview(held)
