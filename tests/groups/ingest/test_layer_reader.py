"""Which stages a layer passes, by its size and type."""

from __future__ import annotations

import hashlib
import io

import pytest
import zstandard

from groups.ingest.buffers import ByteReader, ReadAhead
from groups.ingest.compress import Compressor
from groups.ingest.layer_format import FormatReader
from groups.ingest.layer_reader import LayerReader
from registries.oci.manifest import Descriptor

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
    with LayerReader(io.BytesIO(content), source, is_uncompressed=True, check=lambda: None) as reader:
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
    with LayerReader(io.BytesIO(content), source, is_uncompressed=True, check=lambda: None) as reader:
        list(reader.pieces())
        assert reader.stored_layer().media_type == f"{PLAIN}+zstd"

    compressor = Compressor(FormatReader(io.BytesIO(content)))
    kept = b"".join(bytes(piece) for piece in compressor.pieces())
    assert zstandard.ZstdDecompressor().decompressobj().decompress(kept) == content
    assert zstandard.get_frame_parameters(kept).has_checksum


@pytest.mark.parametrize("is_uncompressed", [False, True])
def test_what_is_compressed_is_kept_and_called_what_it_is(is_uncompressed: bool) -> None:
    """Also where the config takes the digest of the compressed layer for that of its content."""
    content = zstandard.compress(bytes(1000))
    source = Descriptor(PLAIN, "sha256:as-served", len(content))
    with LayerReader(io.BytesIO(content), source, is_uncompressed=is_uncompressed, check=lambda: None) as reader:
        kept = sum(len(piece) for piece in reader.pieces())
        stored = reader.stored_layer()
    assert kept == stored.size == len(content)
    assert (stored.media_type, stored.digest) == (f"{PLAIN}+zstd", "sha256:as-served")
    assert not stored.is_compressed_from(source)


def test_the_check_may_stop_it() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    source = Descriptor(GZIP, "sha256:0", 10)
    with LayerReader(io.BytesIO(bytes(10)), source, check=stop) as reader, pytest.raises(KeyboardInterrupt):
        list(reader.pieces())
