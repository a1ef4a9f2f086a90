"""Images whose layers come as anything but gzip, and under labels that are not theirs."""

from __future__ import annotations

import bz2
import gzip
import lzma

import zstandard

from tests.support.fakes.images import Built, as_json, descriptor, digest_of
from tests.support.fakes.registry import FakeRegistry

OCI = "application/vnd.oci.image.layer.v1.tar"
DOCKER = "application/vnd.docker.image.rootfs.diff.tar"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def compressed(content: bytes, compression: str) -> bytes:
    """`content` with `gzip`, `zstd`, `bzip2` or `xz`; "" is as it is."""
    if compression == "gzip":
        return gzip.compress(content, 1, mtime=0)
    if compression == "zstd":
        return zstandard.compress(content)
    if compression == "bzip2":
        return bz2.compress(content)
    return lzma.compress(content) if compression == "xz" else content


def content_of(layer: bytes) -> bytes:
    """The tar of a layer, by its first bytes."""
    if layer.startswith(b"\x1f\x8b"):
        return gzip.decompress(layer)
    if layer.startswith(b"\x28\xb5\x2f\xfd"):
        return zstandard.ZstdDecompressor().decompressobj().decompress(layer)
    if layer.startswith(b"BZh"):
        return bz2.decompress(layer)
    return lzma.decompress(layer) if layer.startswith(b"\xfd7zXZ\0") else layer


def build(*layers: tuple[str, bytes], config_type: str = OCI_CONFIG, **config: object) -> Built:
    """Build an image of these layers, each with its media type. `config` is laid over the config document."""
    document = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(content_of(raw)) for _, raw in layers]},
        **config,
    }
    raw_config = as_json(document)
    manifest = as_json(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor(config_type, raw_config),
            "layers": [descriptor(media_type, raw) for media_type, raw in layers],
        }
    )
    blobs = {digest_of(raw): raw for raw in (raw_config, *(raw for _, raw in layers))}
    digests = [digest_of(raw) for _, raw in layers]
    return Built(manifest, OCI_MANIFEST, digest_of(raw_config), digests, blobs)


def push(registry: FakeRegistry, *layers: tuple[str, bytes]) -> None:
    """Push an image of these layers, each with its media type, under `team/app:1.0`."""
    image = build(*layers)
    for blob in image.blobs.values():
        registry.push_blob(blob)
    registry.push_manifest("team/app", "1.0", image.manifest, image.manifest_type)
