"""Uncompressed layers are stored as zstd, and the manifest says so; all others are unchanged."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from groups.ingest.buffers import CHUNK, in_pieces
from groups.ingest.compress import Compressor
from groups.ingest.layer_format import FormatReader
from groups.models import PullStep
from groups.nodes.keys import read_public_key
from groups.nodes.manifests import manifest_for
from tests.groups.ingest.conftest import Pulled
from tests.groups.storage.test_store import Pieces
from tests.support.delivery_setup import ec_key, public_pem
from tests.support.fakes.images import digest_of, make_layer
from tests.support.fakes.registry import FakeRegistry
from tests.support.layer_types import DOCKER, OCI, compressed, content_of, push
from tests.support.pulls import decrypted, stored_files

pytestmark = pytest.mark.slow


def squeezed(content: bytes) -> tuple[bytes, Compressor]:
    reader = Compressor(FormatReader(Pieces(content)))
    return b"".join(bytes(piece) for piece in in_pieces(reader)), reader


@pytest.mark.parametrize("size", [0, 1, CHUNK, 3 * CHUNK + 7])
def test_zstd_gives_back_what_came(size: int) -> None:
    content = (os.urandom(1000) * (size // 1000 + 1))[:size]

    stored, reader = squeezed(content)

    assert zstandard.ZstdDecompressor().decompressobj().decompress(stored) == content
    assert (reader.size, reader.digest) == (len(stored), f"sha256:{hashlib.sha256(stored).hexdigest()}")
    assert reader.applied


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.ZstdCompressor().compress], ids=["gzip", "zstd"])
def test_what_is_compressed_whatever_it_is_called_stays(compress: Callable[[bytes], bytes]) -> None:
    content = compress(b"x" * 10_000)

    stored, reader = squeezed(content)

    assert stored == content
    assert not reader.applied


@pytest.mark.parametrize("media_type", [OCI, DOCKER])
def test_an_uncompressed_layer_is_stored_compressed_and_described_so(
    basic_registry: FakeRegistry, pulled: Pulled, blobs: Path, media_type: str
) -> None:
    plain = gzip.decompress(make_layer({"a": b"the same again and again " * 400_000}))
    packed = make_layer({"b": b"two"})
    push(basic_registry, (media_type, plain), (f"{OCI}+gzip", packed))

    group = pulled(basic_registry)

    assert group.status == "stopped"
    first, second = group.image.layers.order_by("position")
    assert first.blob is not None
    assert (first.digest, first.size, first.received) == (digest_of(plain), len(plain), len(plain))
    assert (first.blob.source_digest, first.blob.source_size) == (first.digest, first.size)
    assert first.blob.media_type == f"{OCI}+zstd"
    assert first.blob.size < len(plain) / 10
    stored = decrypted(first)
    assert zstandard.ZstdDecompressor().decompressobj().decompress(stored) == plain
    assert decrypted(second) == packed
    assert sorted(path.stat().st_size for path in stored_files(blobs)) == sorted([len(stored), len(packed)])
    listed = json.loads(manifest_for(group.image, read_public_key(public_pem(ec_key()))))["layers"]
    assert [(layer["mediaType"], layer["size"]) for layer in listed] == [
        (f"{OCI}+zstd+encrypted", len(stored)),
        (f"{OCI}+gzip+encrypted", len(packed)),
    ]
    step = PullStep.objects.get(image=group.image, name="layers")
    assert "1 came uncompressed and is kept as zstd" in step.detail


LABELS = [
    (OCI, "bzip2", "+bzip2"),
    (OCI, "xz", "+xz"),
    (OCI, "gzip", "+gzip"),
    (DOCKER, "gzip", "+gzip"),
    (f"{DOCKER}.gzip", "zstd", "+zstd"),
    (f"{OCI}+gzip", "bzip2", "+bzip2"),
    (f"{OCI}+zstd", "gzip", "+gzip"),
    ("application/octet-stream", "gzip", "+gzip"),
    (f"{OCI}+gzip", "", "+zstd"),
    ("application/x-gzip", "", "+zstd"),
]
"""What a layer is called, what it is, and what nodes are told."""


def test_a_false_label_is_mended_and_the_content_kept(basic_registry: FakeRegistry, pulled: Pulled) -> None:
    """google/go-containerregistry#1480 (bzip2 called tar was compressed once more), containerd/containerd#10134 and
    #13662 (gzip called tar)."""
    plain = [gzip.decompress(make_layer({f"file-{number}": b"x" * number})) for number in range(len(LABELS))]
    served = [compressed(tar, compression) for tar, (_, compression, _) in zip(plain, LABELS, strict=True)]
    push(basic_registry, *((label, raw) for (label, _, _), raw in zip(LABELS, served, strict=True)))

    image = pulled(basic_registry).image

    assert image.status == "ready"
    stored = [decrypted(layer) for layer in image.layers.order_by("position")]
    kept = [raw == content for raw, content in zip(served, stored, strict=True)]
    assert kept == [compression != "" for _, compression, _ in LABELS]
    assert [content_of(layer) for layer in stored] == plain
    listed = json.loads(manifest_for(image, read_public_key(public_pem(ec_key()))))["layers"]
    assert [layer["mediaType"] for layer in listed] == [f"{OCI}{label}+encrypted" for _, _, label in LABELS]


def test_it_is_taken_up_by_the_next_image(basic_registry: FakeRegistry, pulled: Pulled, blobs: Path) -> None:
    plain = gzip.decompress(make_layer({"a": b"again and again " * 100_000}))
    push(basic_registry, (OCI, plain))
    one = pulled(basic_registry)

    two = pulled(basic_registry, name="two")

    assert two.status == "stopped"
    assert one.image.layers.get().blob == two.image.layers.get().blob
    assert len(stored_files(blobs)) == 1


def test_a_wrong_digest_is_found_before_anything_is_kept(
    basic_registry: FakeRegistry, pulled: Pulled, blobs: Path
) -> None:
    plain = gzip.decompress(make_layer({"a": os.urandom(2_000_000)}))
    push(basic_registry, (OCI, plain))
    basic_registry.fault(digest_of(plain), corrupt=True)

    group = pulled(basic_registry)

    assert (group.image.status, group.image.retry_code) == ("queued", "digest_mismatch")
    assert stored_files(blobs) == []


def test_a_broken_transfer_resumes_within_the_same_stream(basic_registry: FakeRegistry, pulled: Pulled) -> None:
    plain = gzip.decompress(make_layer({"a": os.urandom(6_000_000)}))
    push(basic_registry, (OCI, plain))
    basic_registry.fault(digest_of(plain), reset_after=2_500_000, times=1)

    group: Any = pulled(basic_registry)

    assert (group.image.status, group.image.attempt) == ("ready", 1)
    stored = decrypted(group.image.layers.get())
    assert zstandard.ZstdDecompressor().decompressobj().decompress(stored) == plain
