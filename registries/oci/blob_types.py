"""What the media types of configs and layers say.

Builders and registries put these labels on. Some are missing or wrong, and clients on the nodes don't mind, so a label
only tells what is certainly no image. What a layer is made of, its bytes say (`groups.ingest.layer_format`).
"""

from __future__ import annotations

import re

DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
KEPT_LAYERS = frozenset(
    {
        *(OCI_LAYER + compression for compression in ("", "+gzip", "+zstd")),
        *(DOCKER_LAYER + compression for compression in ("", ".gzip", ".zstd")),
    }
)
"""The types that clients know, and that are stored as they are."""
_CONFIGS = frozenset(
    {
        DOCKER_CONFIG,
        OCI_CONFIG,
        # What registries made of it, and Docker takes (moby/moby#48361, moby/moby#44568).
        "",
        "application/octet-stream",
        "application/json",
        "text/html",
        "text/plain",
    }
)
_LAYERS = frozenset(
    {
        "application/octet-stream",
        "application/gzip",
        "application/x-gzip",
        "application/tar",
        "application/x-tar",
        "application/tar+gzip",
        "application/zstd",
    }
)
_LAYER = re.compile(
    r"application/vnd\.(?:docker\.image\.rootfs(?P<docker>\.foreign)?\.diff"
    r"|oci\.image\.layer(?P<oci>\.nondistributable)?\.v1)\.tar(?:[.+](?!encrypted)(?P<compression>[a-z0-9]{1,20}))?"
)
_COMPRESSIONS = frozenset({"gzip", "zstd", "bzip2", "xz"})
_ENCRYPTED = re.compile(r"[.+]encrypted\b")


def bare(media_type: str) -> str:
    """The media type in lower case, without parameters."""
    return media_type.partition(";")[0].strip().lower()


def is_config(media_type: str) -> bool:
    """Whether a config of this type can be an image's."""
    return bare(media_type) in _CONFIGS


def is_layer(media_type: str) -> bool:
    """Whether a layer of this type can be an image's."""
    return bare(media_type) in _LAYERS or _LAYER.fullmatch(bare(media_type)) is not None


def compression_of(media_type: str) -> str:
    """How a layer is compressed according to its type: `gzip`, `zstd`, `bzip2`, `xz`, or "" if it doesn't say so."""
    match = _LAYER.fullmatch(bare(media_type))
    return match["compression"] if match and match["compression"] in _COMPRESSIONS else ""


def is_encrypted(media_type: str) -> bool:
    """Whether a layer of this type is encrypted (containers/ocicrypt)."""
    return _ENCRYPTED.search(bare(media_type)) is not None


def may_be_outside(media_type: str) -> bool:
    """Whether a layer of this type may lie outside of the registry: a foreign or nondistributable one."""
    match = _LAYER.fullmatch(bare(media_type))
    return match is not None and bool(match["docker"] or match["oci"])
