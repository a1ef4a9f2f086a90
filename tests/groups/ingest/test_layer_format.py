"""What a layer is made of is told by its bytes, and nodes get the label that they deserve."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Iterator

import pytest
import zstandard

from groups.delivery.media_types import OCI_LAYERS
from groups.ingest.layer_format import HEAD_BYTES, FormatReader, format_of, label_of
from tests.support.layer_types import DOCKER, OCI


def tar_of(name: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", encoding="latin-1") as tar:
        tar.addfile(tarfile.TarInfo(name))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (gzip.compress(b"x"), "gzip"),
        (zstandard.compress(b"x"), "zstd"),
        (b"\x5e\x2a\x4d\x18\x01\0\0\0x" + zstandard.compress(b"x"), "zstd"),
        (bz2.compress(b"x"), "bzip2"),
        (lzma.compress(b"x"), "xz"),
        (tar_of("file"), ""),
        (tar_of("BZh"), ""),
        (tar_of("\x1f\x8b\x08"), ""),
        (bytes(1024), ""),
        (b"", ""),
        (b"\x1f", ""),
    ],
    ids=[
        "gzip",
        "zstd",
        "zstd after a frame to skip",
        "bzip2",
        "xz",
        "tar",
        "tar BZh",
        "tar gzip",
        "empty",
        "",
        "short",
    ],
)
def test_what_it_begins_with(content: bytes, found: str) -> None:
    assert format_of(content) == found


@pytest.mark.parametrize(
    ("media_type", "found", "label"),
    [
        (f"{OCI}+gzip", "gzip", f"{OCI}+gzip"),
        (f"{DOCKER}.gzip", "gzip", f"{DOCKER}.gzip"),
        (OCI, "gzip", f"{OCI}+gzip"),
        (DOCKER, "gzip", f"{OCI}+gzip"),
        (f"{DOCKER}.gzip", "zstd", f"{OCI}+zstd"),
        (f"{OCI}+zstd", "gzip", f"{OCI}+gzip"),
        (OCI, "bzip2", f"{OCI}+bzip2"),
        (f"{OCI}+gzip", "xz", f"{OCI}+xz"),
        (f"{OCI}+gzip", "", f"{OCI}+gzip"),
        (OCI, "", OCI),
        ("application/octet-stream", "", OCI),
        ("application/octet-stream", "gzip", f"{OCI}+gzip"),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "gzip", f"{OCI}+gzip"),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", "", f"{OCI}+zstd"),
        (f"{OCI}+other", "", OCI),
    ],
)
def test_the_label_that_it_gets(media_type: str, found: str, label: str) -> None:
    """containerd/containerd#10134, #13662: a label is taken literally."""
    assert label_of(media_type, found) == label
    assert label in OCI_LAYERS, "nodes can get it"


class InParts:
    """A transfer that breaks off after each of these pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    def pieces(self) -> Iterator[memoryview]:
        buffer = bytearray(max(map(len, self._pieces), default=0))
        for piece in self._pieces:
            buffer[: len(piece)] = piece
            yield memoryview(buffer)[: len(piece)]


@pytest.mark.parametrize("first", [1, 4, HEAD_BYTES - 1, HEAD_BYTES, 600])
def test_the_head_may_come_in_parts(first: int) -> None:
    content = gzip.compress(bytes(range(256)) * 100, 0)
    reader = FormatReader(InParts(*(content[at : at + first] for at in range(0, len(content), first))))
    pieces = []
    for piece in reader.pieces():
        assert reader.format == "gzip"
        pieces.append(bytes(piece))
    assert b"".join(pieces) == content
    assert len(pieces[0]) >= HEAD_BYTES


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b\x08"])
def test_a_layer_may_be_shorter_than_a_head(content: bytes) -> None:
    reader = FormatReader(io.BytesIO(content))
    assert b"".join(map(bytes, reader.pieces())) == content
    assert reader.format == ("gzip" if content else "")
