"""The sample image: some tens of MB in layers of mixed size and compressibility, the same bytes each time. It runs a
program of our own that prints a greeting."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass

from portal.demo.program import program

MB = 1_000_000
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
# Name, size of what doesn't compress, size of what does, and the line of the Dockerfile.
LAYERS = (
    ("base", 3 * MB, 6 * MB, "FROM scratch"),
    ("runtime", 14 * MB, 10 * MB, "RUN install-runtime"),
    ("model", 22 * MB, 0, "COPY model.bin /srv/model.bin"),
    ("app", MB // 2, 1 * MB, "COPY app /srv/app"),
)
CREATED = "2026-01-01T00:00:00Z"


@dataclass(frozen=True)
class SampleImage:
    """An image for linux/amd64 behind an index. `blobs` maps digests to bytes, including those of manifests."""

    index_digest: str
    manifest_digest: str
    layer_digests: tuple[str, ...]
    blobs: dict[str, bytes]
    media_types: dict[str, str]

    @property
    def size(self) -> int:
        """Bytes of all layers, compressed."""
        return sum(len(self.blobs[digest]) for digest in self.layer_digests)


def sample_image() -> SampleImage:
    """Build the image. Takes about a second."""
    blobs: dict[str, bytes] = {}
    types: dict[str, str] = {}

    def add(content: bytes, media_type: str) -> dict[str, object]:
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        blobs[digest], types[digest] = content, media_type
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    layers, diff_ids = [], []
    for name, solid, soft, _ in LAYERS:
        tar = _tar(name, solid, soft)
        diff_ids.append("sha256:" + hashlib.sha256(tar).hexdigest())
        layers.append(add(gzip.compress(tar, compresslevel=1, mtime=0), LAYER))
    platform = {"architecture": "amd64", "os": "linux"}
    config = {
        **platform,
        "created": CREATED,
        "config": {"Cmd": ["/srv/app/hello"], "Env": ["PATH=/usr/bin"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [{"created": CREATED, "created_by": line} for *_, line in LAYERS],
    }
    config_descriptor = add(_json(config), CONFIG)
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config_descriptor, "layers": layers}
    manifest_descriptor = add(_json(manifest), MANIFEST)
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [{**manifest_descriptor, "platform": platform}]}
    index_descriptor = add(_json(index), INDEX)
    return SampleImage(
        index_digest=str(index_descriptor["digest"]),
        manifest_digest=str(manifest_descriptor["digest"]),
        layer_digests=tuple(str(layer["digest"]) for layer in layers),
        blobs=blobs,
        media_types=types,
    )


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _tar(name: str, solid: int, soft: int) -> bytes:
    """A layer with one file that doesn't compress, one that does, a greeting, and the program that prints it."""
    files = {
        f"srv/{name}/hello": program(),
        f"srv/{name}/hello.txt": f"Hello from the {name} layer.\n".encode(),
        f"srv/{name}/solid.bin": hashlib.shake_128(name.encode()).digest(solid),
        f"srv/{name}/soft.txt": (f"{name} line\n".encode() * (soft // len(name) + 1))[:soft],
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o755 if path.endswith("/hello") else 0o644
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
