"""Builds small images that real clients accept: tar layers, a config, a manifest, an index."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DOCKER = {
    "manifest": "application/vnd.docker.distribution.manifest.v2+json",
    "index": "application/vnd.docker.distribution.manifest.list.v2+json",
    "config": "application/vnd.docker.container.image.v1+json",
    "layer": "application/vnd.docker.image.rootfs.diff.tar.gzip",
}
OCI = {
    "manifest": "application/vnd.oci.image.manifest.v1+json",
    "index": "application/vnd.oci.image.index.v1+json",
    "config": "application/vnd.oci.image.config.v1+json",
    "layer": "application/vnd.oci.image.layer.v1.tar+gzip",
}


@dataclass
class Built:
    """An image of one platform: documents as bytes, blobs by digest."""

    manifest: bytes
    manifest_type: str
    config_digest: str
    layer_digests: list[str]
    blobs: dict[str, bytes] = field(repr=False)

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def as_json(document: Any) -> bytes:
    return json.dumps(document, indent=1).encode()


def make_layer(files: Mapping[str, bytes], level: int = 1) -> bytes:
    """Return a gzip tar of `files`, the same bytes each time."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), compresslevel=level, mtime=0)


def descriptor(media_type: str, data: bytes, /, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data), **more}


def build_image(
    layers: Sequence[bytes] = (b"hello from a layer\n",),
    *,
    config: Mapping[str, Any] | None = None,
    platform: str = "linux/amd64",
    docker_types: bool = False,
) -> Built:
    """Build an image. Each layer is a ready gzip tar, or the content of the one file that it then holds.

    `config` is laid over the config document, key by key.
    """
    types = DOCKER if docker_types else OCI
    packed = [
        content if content[:2] == b"\x1f\x8b" else make_layer({f"layer-{number}": content})
        for number, content in enumerate(layers)
    ]
    os, architecture, *variant = platform.split("/")
    document: dict[str, Any] = {
        "created": "2026-01-01T00:00:00Z",
        "architecture": architecture,
        "os": os,
        **({"variant": variant[0]} if variant else {}),
        "config": {"Env": ["PATH=/bin"], "Cmd": ["/layer-0"]},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(gzip.decompress(layer)) for layer in packed]},
        "history": [{"created_by": f"COPY layer-{number} /"} for number in range(len(packed))],
        **(config or {}),
    }
    raw_config = as_json(document)
    manifest = as_json(
        {
            "schemaVersion": 2,
            "mediaType": types["manifest"],
            "config": descriptor(types["config"], raw_config),
            "layers": [descriptor(types["layer"], layer) for layer in packed],
        }
    )
    blobs = {digest_of(data): data for data in (raw_config, *packed)}
    return Built(manifest, types["manifest"], digest_of(raw_config), [digest_of(one) for one in packed], blobs)


def build_index(images: Mapping[str, Built], *, docker_types: bool = False) -> bytes:
    """Return an index of `images` by platform, with the attestation entry that buildx adds."""
    entries = []
    for platform, image in images.items():
        os, architecture, *variant = platform.split("/")
        described = {"os": os, "architecture": architecture, **({"variant": variant[0]} if variant else {})}
        entries.append(descriptor(image.manifest_type, image.manifest, platform=described))
    attestation = descriptor(
        OCI["manifest"],
        b"an attestation",
        platform={"os": "unknown", "architecture": "unknown"},
        annotations={"vnd.docker.reference.type": "attestation-manifest"},
    )
    media_type = (DOCKER if docker_types else OCI)["index"]
    return as_json({"schemaVersion": 2, "mediaType": media_type, "manifests": [attestation, *entries]})


def padded_to(size: int, raw: bytes) -> bytes:
    """The object with one more value, so that it has `size` bytes."""
    begin = raw.rstrip()[:-1] + b',"padding":"'
    return begin + b"x" * (size - len(begin) - 2) + b'"}'
