"""Manifests and layers that no registry serves, for tests of what a pull makes of them."""

from __future__ import annotations

from registries.oci.config import Config
from registries.oci.manifest import Descriptor, Manifest
from registries.oci.platform import Platform

GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


def layer(number: int, size: int = 10, media_type: str = GZIP) -> Descriptor:
    """A layer with a digest of its own."""
    return Descriptor(media_type, f"sha256:{number:064x}", size)


def manifest(*layers: Descriptor, digest: int = 1) -> Manifest:
    """A manifest of these layers; its config has 100 bytes, and `digest` stands for the digests of both."""
    config = Descriptor("application/vnd.oci.image.config.v1+json", f"sha256:{digest:063x}c", 100)
    return Manifest(f"sha256:{digest:063x}m", MANIFEST_TYPE, config, layers, b"{}")


def config_of(listed: Manifest) -> Config:
    """A config that names a build line for each layer."""
    lines = tuple(f"COPY layer-{number} /" for number in range(len(listed.layers)))
    return Config(Platform.parse("linux/amd64"), tuple(layer.digest for layer in listed.layers), lines)
