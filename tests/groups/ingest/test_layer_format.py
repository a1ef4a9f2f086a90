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
from groups.ingest.layer_format import HEAD_BYTES, FormatReader, format_of, is_tar, label_of
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


def old_tar(name: str) -> bytes:
    """A header from before "ustar", as tar of Unix V7 and `tar --format=v7` write it."""
    block = bytearray(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT)[:512])
    block[257:] = bytes(255)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", True),
        (bytes(1024), True),
        (tar_of("file"), True),
        (tar_of("BZh"), True),
        (tar_of("\xfc" * 90), True),
        (old_tar("file"), True),
        (tarfile.TarInfo("x" * 200).tobuf(tarfile.PAX_FORMAT), True),
        (tarfile.TarInfo("x" * 200).tobuf(tarfile.GNU_FORMAT), True),
        (bytes(511), False),
        (b"hello " * 200, False),
        (tar_of("file")[1:], False),
        (b"<!doctype html>" + bytes(1000), False),
        (b"PK\x03\x04" + bytes(1000), False),
    ],
)
def test_whether_it_is_a_tar(content: bytes, expected: bool) -> None:
    assert is_tar(content) is expected


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
    assert reader.format == "gzip"
    pieces = [bytes(piece) for piece in reader.pieces()]
    assert b"".join(pieces) == content
    assert len(pieces[0]) >= HEAD_BYTES


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b\x08"])
def test_a_layer_may_be_shorter_than_a_head(content: bytes) -> None:
    reader = FormatReader(io.BytesIO(content))
    assert b"".join(map(bytes, reader.pieces())) == content
    assert reader.format == ("gzip" if content else "")
