"""Which image of an index is taken, also where the index says little about its entries."""

from __future__ import annotations

import pytest

from registries.failures import ImageNotFound, PlatformMissing, UnsupportedManifest
from registries.oci.config import read_config
from registries.oci.manifest import OCI_INDEX
from registries.oci.platform import Platform
from tests.support.fakes.images import OCI, Built, as_json, build_image, descriptor
from tests.support.fakes.registry import FakeRegistry

from .conftest import AMD64, Connect, fetch, pull


def push(registry: FakeRegistry, *entries: tuple[Built, object], tag: str = "1.0") -> None:
    """Push an index of images, each with what its entry says as its platform."""
    for image, _ in entries:
        for blob in image.blobs.values():
            registry.push_blob(blob)
        registry.push_manifest("team/app", "x", image.manifest, image.manifest_type)
    items = [descriptor(image.manifest_type, image.manifest, platform=platform) for image, platform in entries]
    registry.push_manifest("team/app", tag, as_json({"schemaVersion": 2, "manifests": items}), OCI_INDEX)


@pytest.mark.parametrize("platform", [None, {}, {"os": "linux"}, "linux/amd64", {"os": "linux", "architecture": 5}])
def test_an_entry_without_a_platform_has_that_of_its_config(
    platform: object, registry: FakeRegistry, connect: Connect
) -> None:
    """ocidir-rs#73: `platform` is optional in an index."""
    image = build_image()
    push(registry, (build_image(platform="linux/arm64"), platform), (image, platform))
    assert fetch(connect(registry), "team/app").digest == image.digest
    assert len(pull(connect(registry), "team/app")) == 1


def test_a_named_platform_is_taken_first_and_nothing_else_is_fetched(registry: FakeRegistry, connect: Connect) -> None:
    image, other = build_image(), build_image([b"other"])
    push(registry, (other, None), (image, {"os": "Linux", "architecture": "x86_64"}))
    assert fetch(connect(registry), "team/app").digest == image.digest
    assert registry.requests_to(other.digest) == []


def test_an_image_that_only_some_nodes_can_run_comes_last(registry: FakeRegistry, connect: Connect) -> None:
    """dragonflyoss/nydus merges its own images into the index of the ones that they were made of."""
    image, nydus = build_image(), build_image([b"nydus"])
    said = {"os": "linux", "architecture": "amd64"}
    push(registry, (nydus, {**said, "os.features": ["nydus.remoteimage.v1"]}), (image, {**said, "os.features": []}))
    assert fetch(connect(registry), "team/app").digest == image.digest


def test_the_config_that_decided_is_fetched_once(registry: FakeRegistry, connect: Connect) -> None:
    image = build_image()
    push(registry, (image, None))
    client = connect(registry)
    manifest = fetch(client, "team/app")
    read_config(client.config("team/app", manifest), manifest, AMD64)
    assert len(registry.requests_to(image.config_digest)) == 1


def test_artifacts_and_what_is_gone_are_no_candidates(registry: FakeRegistry, connect: Connect) -> None:
    image = build_image()
    chart = as_json(
        {
            "schemaVersion": 2,
            "config": descriptor("application/vnd.cncf.helm.config.v1+json", b"{}"),
            "layers": [descriptor("application/vnd.cncf.helm.chart.content.v1.tar+gzip", b"x")],
        }
    )
    push(registry, (image, None))
    registry.push_manifest("team/app", "chart", chart, OCI["manifest"])
    items = [descriptor(OCI["manifest"], raw) for raw in (b"gone", chart, image.manifest)]
    registry.push_manifest("team/app", "1.0", as_json({"schemaVersion": 2, "manifests": items}), OCI_INDEX)
    assert fetch(connect(registry), "team/app").digest == image.digest
    # Alone, each says what is wrong.
    for item, failure in zip(items, (ImageNotFound, UnsupportedManifest), strict=False):
        registry.push_manifest("team/app", "2.0", as_json({"schemaVersion": 2, "manifests": [item]}), OCI_INDEX)
        with pytest.raises(failure):
            fetch(connect(registry), "team/app", "2.0")


def test_what_configs_offer_is_named(registry: FakeRegistry, connect: Connect) -> None:
    arm, windows = build_image(platform="linux/arm64"), build_image(platform="windows/amd64")
    push(registry, (arm, None), (windows, {"os": "windows", "architecture": "amd64"}))
    with pytest.raises(PlatformMissing) as refusal:
        fetch(connect(registry), "team/app")
    assert refusal.value.params["offered"] == "windows/amd64, linux/arm64"


def test_eight_configs_are_read_at_most(registry: FakeRegistry, connect: Connect) -> None:
    push(registry, *((build_image([b"%d" % n], platform="linux/arm64"), None) for n in range(9)), (build_image(), None))
    with pytest.raises(PlatformMissing):
        fetch(connect(registry), "team/app")
    assert len(registry.requests_to("/blobs/")) == 8


def test_an_image_that_is_alone_may_be_of_a_higher_level(registry: FakeRegistry, connect: Connect) -> None:
    image = build_image(platform="linux/amd64/v2")
    push(registry, (image, None))
    assert fetch(connect(registry), "team/app").digest == image.digest
    push(registry, (image, None), (build_image(platform="linux/arm64"), None))
    with pytest.raises(PlatformMissing):
        fetch(connect(registry), "team/app")


def test_the_highest_level_that_nodes_have_is_taken(registry: FakeRegistry, connect: Connect) -> None:
    plain, second = build_image(), build_image(platform="linux/amd64/v2")
    names = [{"os": "linux", "architecture": "amd64"}, {"os": "linux", "architecture": "amd64", "variant": "v2"}]
    push(registry, (plain, names[0]), (second, names[1]))
    client = connect(registry)
    document = client.fetch_manifest("team/app", "1.0")
    assert client.pick("team/app", document, AMD64).digest == plain.digest
    chosen = client.pick("team/app", document, Platform("linux", "amd64", "v3"))
    assert (chosen.digest, str(chosen.platform)) == (second.digest, "linux/amd64/v2")


@pytest.mark.parametrize("media_type", ["", "application/json", OCI["manifest"].upper()])
def test_an_entry_under_another_label(media_type: str, registry: FakeRegistry, connect: Connect) -> None:
    image = build_image()
    push(registry, (image, None))
    item = {**descriptor(media_type, image.manifest), "platform": {"os": "linux", "architecture": "amd64"}}
    registry.push_manifest("team/app", "1.0", as_json({"schemaVersion": 2, "manifests": [item]}), OCI_INDEX)
    assert fetch(connect(registry), "team/app").digest == image.digest


def test_an_index_for_another_platform_is_not_opened(registry: FakeRegistry, connect: Connect) -> None:
    image = build_image()
    push(registry, (image, {"os": "linux", "architecture": "amd64"}), tag="nested")
    nested = registry.manifests["team/app", "nested"][1]
    arm = {"os": "linux", "architecture": "arm64"}
    items = [*(descriptor(OCI_INDEX, b"%d" % n, platform=arm) for n in range(5)), descriptor(OCI_INDEX, nested)]
    registry.push_manifest("team/app", "1.0", as_json({"schemaVersion": 2, "manifests": items}), OCI_INDEX)
    assert fetch(connect(registry), "team/app").digest == image.digest


def test_a_list_under_a_label_that_says_nothing_is_no_image(registry: FakeRegistry, connect: Connect) -> None:
    image = build_image()
    push(registry, (image, None), tag="nested")
    nested = registry.manifests["team/app", "nested"][1]
    for platform in (None, {"os": "linux", "architecture": "amd64"}):
        item = descriptor("", nested, platform=platform)
        registry.push_manifest("team/app", "1.0", as_json({"schemaVersion": 2, "manifests": [item]}), OCI_INDEX)
        with pytest.raises(PlatformMissing):
            fetch(connect(registry), "team/app")
