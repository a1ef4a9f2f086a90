"""Which stages a layer passes, by its size and type."""

from __future__ import annotations

import bz2
import hashlib
import io
import lzma
import os
from collections.abc import Callable
from functools import partial

import pytest
import zstandard

from groups.ingest.buffers import ByteReader, ReadAhead
from groups.ingest.compress import Compressor
from groups.ingest.layer_reader import LayerReader
from registries.failures import UnsupportedManifest
from registries.oci.manifest import Descriptor
from tests.groups.storage.test_store import Pieces
from tests.support.fakes.images import digest_of

PLAIN = "application/vnd.oci.image.layer.v1.tar"
GZIP = f"{PLAIN}+gzip"
MIB = 1024 * 1024


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> list[ReadAhead]:
    """The read-aheads that were begun."""
    begun: list[ReadAhead] = []

    class Counted(ReadAhead):
        def __init__(self, reader: ByteReader) -> None:
            begun.append(self)
            super().__init__(reader)

    monkeypatch.setattr("groups.ingest.layer_reader.ReadAhead", Counted)
    return begun


@pytest.mark.parametrize(("size", "count"), [(4 * MIB - 1, 0), (4 * MIB, 1)])
def test_from_four_megabytes_on_a_thread_reads_ahead(ahead: list[ReadAhead], size: int, count: int) -> None:
    content = bytes(size)
    source = Descriptor(GZIP, f"sha256:{hashlib.sha256(content).hexdigest()}", size)
    with LayerReader(io.BytesIO(content), source, check=lambda: None) as reader:
        assert sum(len(piece) for piece in reader.pieces()) == size
    assert len(ahead) == count


def test_leaving_it_ends_the_thread(ahead: list[ReadAhead]) -> None:
    source = Descriptor(GZIP, "sha256:0", 20 * MIB)
    with LayerReader(io.BytesIO(bytes(20 * MIB)), source, check=lambda: None) as reader:
        next(reader.pieces())
    ahead[0]._thread.join(5)
    assert not ahead[0]._thread.is_alive()


def test_what_comes_compressed_is_kept_as_it_came() -> None:
    source = Descriptor(GZIP, "sha256:as-served", 100)
    with LayerReader(io.BytesIO(bytes(100)), source, check=lambda: None) as reader:
        assert reader.size == 100
        with pytest.raises(ValueError, match="not read to its end"):
            reader.stored_layer()
        list(reader.pieces())
        stored = reader.stored_layer()
    assert (stored.media_type, stored.digest, stored.size) == (GZIP, "sha256:as-served", 100)
    assert not stored.is_compressed_from(source)


def test_what_comes_uncompressed_is_kept_as_zstd() -> None:
    content = bytes(100_000)
    source = Descriptor(PLAIN, f"sha256:{hashlib.sha256(content).hexdigest()}", len(content))
    with LayerReader(io.BytesIO(content), source, diff_id=source.digest, check=lambda: None) as reader:
        sizes = [reader.size]
        kept = sum(len(piece) for piece in reader.pieces())
        sizes.append(reader.size)
        stored = reader.stored_layer()
    assert sizes == [None, kept]
    assert kept < 1000
    assert (stored.media_type, stored.size) == (f"{PLAIN}+zstd", kept)
    assert stored.is_compressed_from(source)


def test_whether_to_compress_is_decided_by_the_first_bytes_only() -> None:
    """A layer may hold compressed files. The result has a checksum of its own."""
    content = bytes(MIB) + b"\x1f\x8b" + bytes(1000)
    source = Descriptor(GZIP, "sha256:0", len(content))
    with LayerReader(io.BytesIO(content), source, diff_id=source.digest, check=lambda: None) as reader:
        list(reader.pieces())
        assert reader.stored_layer().media_type == f"{PLAIN}+zstd"

    compressor = Compressor(Pieces(content))
    kept = b"".join(bytes(piece) for piece in compressor.pieces())
    assert zstandard.ZstdDecompressor().decompressobj().decompress(kept) == content
    assert zstandard.get_frame_parameters(kept).has_checksum


def test_what_is_compressed_is_kept_and_called_what_it_is() -> None:
    content = zstandard.compress(bytes(1000))
    source = Descriptor(PLAIN, "sha256:as-served", len(content))
    with LayerReader(io.BytesIO(content), source, diff_id="sha256:content", check=lambda: None) as reader:
        kept = sum(len(piece) for piece in reader.pieces())
        stored = reader.stored_layer()
    assert kept == stored.size == len(content)
    assert (stored.media_type, stored.digest) == (f"{PLAIN}+zstd", "sha256:as-served")
    assert not stored.is_compressed_from(source)


@pytest.mark.parametrize(
    ("content", "is_called_content", "reason"),
    [
        (zstandard.compress(bytes(1000)), True, "is zstd, but the config calls it uncompressed"),
        (bz2.compress(bytes(1000)), True, "is bzip2, but the config calls it uncompressed"),
        (bytes(1024), False, "has other content than its config says"),
        (b"", False, "has other content than its config says"),
        (b"\x04\x22\x4d\x18 is lz4", False, "is neither a tar archive nor a compressed one"),
        (b"hello " * 1000, True, "is neither a tar archive nor a compressed one"),
    ],
)
def test_what_no_node_unpacks_is_refused_once_it_is_verified(
    content: bytes, is_called_content: bool, reason: str
) -> None:
    """The config takes the digest of a compressed layer for that of its content (google/go-containerregistry#1480), or
    has another one than the layer."""
    source = Descriptor(PLAIN, digest_of(content), len(content))
    diff_id = source.digest if is_called_content else "sha256:other"
    with LayerReader(io.BytesIO(content), source, diff_id=diff_id, check=lambda: None) as reader:
        assert sum(len(piece) for piece in reader.pieces()) == len(content)
        with pytest.raises(UnsupportedManifest) as failed:
            reader.stored_layer()
    assert failed.value.params["reason"] == f"layer {source.digest[:19]} {reason}"


@pytest.mark.parametrize("compress", [bz2.compress, partial(lzma.compress, preset=0)], ids=["bzip2", "xz"])
def test_what_containerd_does_not_unpack_is_kept_as_zstd(compress: Callable[[bytes], bytes]) -> None:
    """google/go-containerregistry#1480. The content is what the config says, and the same on every node."""
    content = bytes(MIB + 1)
    packed = compress(content)
    source = Descriptor(GZIP, digest_of(packed), len(packed))
    with LayerReader(io.BytesIO(packed), source, diff_id=digest_of(content), check=lambda: None) as reader:
        kept = sum(len(piece) for piece in reader.pieces())
        stored = reader.stored_layer()
    assert (stored.media_type, stored.size) == (f"{PLAIN}+zstd", kept)
    assert stored.is_compressed_from(source)


def test_another_compression_can_not_fill_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """The size that the manifest declares is what was reserved."""
    monkeypatch.setattr("groups.ingest.layer_reader.MAX_GROWTH", 0)
    monkeypatch.setattr("groups.ingest.layer_reader.CHUNK", 1000)
    content = os.urandom(5000)
    packed = lzma.compress(content)
    source = Descriptor(GZIP, digest_of(packed), len(packed))
    with (
        LayerReader(io.BytesIO(packed), source, diff_id=digest_of(content), check=lambda: None) as reader,
        pytest.raises(UnsupportedManifest) as failed,
    ):
        for _ in reader.pieces():
            pass
    assert failed.value.params["reason"] == f"layer {source.digest[:19]} is much larger once it is not xz"


def test_the_check_may_stop_it() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    source = Descriptor(GZIP, "sha256:0", 10)
    with LayerReader(io.BytesIO(bytes(10)), source, check=stop) as reader, pytest.raises(KeyboardInterrupt):
        list(reader.pieces())
