"""Which manifest of an index is taken, and how many indexes are opened in search of it."""

from __future__ import annotations

import pytest

from registries.failures import (
    DigestMismatch,
    PlatformMissing,
    UnsupportedManifest,
)
from registries.oci.manifest import OCI_INDEX, Index
from tests.support.fakes.images import as_json, build_image, build_index, descriptor, digest_of
from tests.support.fakes.registry import FakeRegistry

from .conftest import AMD64, Connect, fetch, pull


def test_the_platform_is_picked_from_several(registry: FakeRegistry, connect: Connect) -> None:
    pushed = registry.push_image("team/app", "1.0", platform=["linux/arm64", "linux/amd64"])
    client = connect(registry)
    document = client.fetch_manifest("team/app", "1.0")
    assert isinstance(document, Index)
    assert document.digest == pushed.digest
    chosen = client.pick("team/app", document, AMD64)
    assert b'"amd64"' in client.config("team/app", chosen)


def test_a_platform_that_is_missing(registry: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0", platform=["linux/arm64", "windows/amd64"])
    with pytest.raises(PlatformMissing) as refusal:
        pull(connect(registry), "team/app")
    assert refusal.value.params == {"platform": "linux/amd64", "offered": "linux/arm64, windows/amd64"}
    registry.push_image("team/app", "2.0", platform="linux/arm64")
    with pytest.raises(PlatformMissing):
        pull(connect(registry), "team/app", "2.0")
    assert registry.requests_to(registry.push_image("team/app").layer_digests[0]) == []


def push_nested(registry: FakeRegistry, depth: int) -> None:
    image = build_image()
    for blob in image.blobs.values():
        registry.push_blob(blob)
    registry.push_manifest("team/app", "x", image.manifest, image.manifest_type)
    body = build_index({"linux/amd64": image})
    for level in range(depth, 0, -1):
        registry.push_manifest("team/app", "1.0" if level == 1 else f"l{level}", body, OCI_INDEX)
        body = as_json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor(OCI_INDEX, body)]})


def test_an_index_within_an_index(registry: FakeRegistry, connect: Connect) -> None:
    for depth in (2, 3):
        push_nested(registry, depth)
        pull(connect(registry), "team/app")
    push_nested(registry, 4)
    with pytest.raises(UnsupportedManifest):
        pull(connect(registry), "team/app")


def test_an_index_that_is_listed_after_an_image(registry: FakeRegistry, connect: Connect) -> None:
    image = build_image()
    for blob in image.blobs.values():
        registry.push_blob(blob)
    registry.push_manifest("team/app", "x", image.manifest, image.manifest_type)
    nested = build_index({"linux/amd64": image})
    registry.push_manifest("team/app", "nested", nested, OCI_INDEX)
    other = descriptor(image.manifest_type, b"x", platform={"os": "linux", "architecture": "arm64"})
    listed = as_json({"schemaVersion": 2, "manifests": [other, descriptor(OCI_INDEX, nested)]})
    registry.push_manifest("team/app", "1.0", listed, OCI_INDEX)

    assert fetch(connect(registry), "team/app").digest == image.digest


def test_many_indexes_within_an_index_are_not_all_opened(registry: FakeRegistry, connect: Connect) -> None:
    nested = [as_json({"schemaVersion": 2, "manifests": [], "x": number}) for number in range(900)]
    for one in nested:
        registry.push_manifest("team/app", "x", one, OCI_INDEX)
    listed = as_json({"schemaVersion": 2, "manifests": [descriptor(OCI_INDEX, one) for one in nested]})
    registry.push_manifest("team/app", "1.0", listed, OCI_INDEX)
    with pytest.raises(UnsupportedManifest):
        pull(connect(registry), "team/app")
    assert len(registry.requests_to("/manifests/")) == 3
    listed = as_json({"schemaVersion": 2, "manifests": [descriptor(OCI_INDEX, one) for one in nested[:2]]})
    registry.push_manifest("team/app", "2.0", listed, OCI_INDEX)
    with pytest.raises(PlatformMissing):  # two are opened
        pull(connect(registry), "team/app", "2.0")


def test_entries_of_other_types_are_not_taken_for_images(registry: FakeRegistry, connect: Connect) -> None:
    """Such as a signature for the same platform, before the image."""
    image = build_image()
    registry.push_manifest("team/app", "x", image.manifest, image.manifest_type)
    platform = {"os": "linux", "architecture": "amd64"}
    items = [
        descriptor("application/vnd.example.signature", b"x", platform=platform),
        descriptor(image.manifest_type, image.manifest, platform=platform),
    ]
    registry.push_manifest("team/app", "1.0", as_json({"schemaVersion": 2, "manifests": items}), OCI_INDEX)
    assert fetch(connect(registry), "team/app").digest == image.digest


@pytest.mark.parametrize(("size", "asked"), [(4 * 1024 * 1024, 1), (4 * 1024 * 1024 + 1, 0)])
def test_a_listed_manifest_that_is_too_large_is_not_asked_for(
    size: int, asked: int, registry: FakeRegistry, connect: Connect
) -> None:
    image = build_image()
    registry.push_manifest("team/app", "x", image.manifest, image.manifest_type)
    item = {**descriptor(image.manifest_type, image.manifest), "size": size}
    item["platform"] = {"os": "linux", "architecture": "amd64"}
    registry.push_manifest("team/app", "1.0", as_json({"schemaVersion": 2, "manifests": [item]}), OCI_INDEX)
    with pytest.raises((DigestMismatch, UnsupportedManifest)) as refusal:
        fetch(connect(registry), "team/app")
    assert refusal.value.raw == "size"
    assert len(registry.requests_to(image.digest)) == asked


def test_an_index_that_lists_itself_ends(registry: FakeRegistry, connect: Connect) -> None:
    digest = digest_of(b"itself")
    item = {"mediaType": OCI_INDEX, "digest": digest, "size": 6}
    body = as_json({"schemaVersion": 2, "manifests": [item]})
    registry.push_manifest("team/app", "1.0", body, OCI_INDEX)
    registry.manifests["team/app", digest] = (OCI_INDEX, body)
    with pytest.raises(DigestMismatch):
        pull(connect(registry), "team/app")


def test_an_index_without_entries(registry: FakeRegistry, connect: Connect) -> None:
    registry.push_manifest("team/app", "1.0", as_json({"schemaVersion": 2, "manifests": []}), OCI_INDEX)
    with pytest.raises(PlatformMissing):
        pull(connect(registry), "team/app")
