"""Images whose layers come as anything but gzip."""

from __future__ import annotations

import gzip

from tests.support.fakes.images import as_json, descriptor, digest_of
from tests.support.fakes.registry import FakeRegistry

OCI = "application/vnd.oci.image.layer.v1.tar"
DOCKER = "application/vnd.docker.image.rootfs.diff.tar"


def push(registry: FakeRegistry, *layers: tuple[str, bytes]) -> None:
    """Push an image of these layers, each with its media type, under `team/app:1.0`."""
    plain = [gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw for _, raw in layers]
    document = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [digest_of(raw) for raw in plain]},
    }
    config = as_json(document)
    registry.push_blob(config)
    for _, raw in layers:
        registry.push_blob(raw)
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", config),
        "layers": [descriptor(media_type, raw) for media_type, raw in layers],
    }
    registry.push_manifest("team/app", "1.0", as_json(manifest), "application/vnd.oci.image.manifest.v1+json")
