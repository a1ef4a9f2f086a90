"""Configs of images: their platform counts, and they fit their manifest."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from registries.failures import PlatformMissing, UnsupportedManifest
from registries.oci.config import read_config
from registries.oci.manifest import OCI_MANIFEST, Manifest, read_document
from registries.oci.platform import Platform
from tests.support.fakes.images import as_json, build_image, digest_of, make_layer, padded_to

AMD64 = Platform("linux", "amd64")
IMAGE = build_image([b"one", b"two"])


def read_image(raw: bytes) -> Manifest:
    found = read_document(raw, OCI_MANIFEST)
    assert isinstance(found, Manifest)
    return found


def test_build_lines_are_short_and_one_for_each_layer() -> None:
    history = [
        {"created_by": "x" * 300},
        {"created_by": "ENV A=b", "empty_layer": True},
        {"created_by": "RUN \x1b[31mmake\n"},
    ]
    raw = as_json({**json.loads(IMAGE.blobs[IMAGE.config_digest]), "history": history})
    assert read_config(raw, read_image(IMAGE.manifest), AMD64).created_by == ("x" * 199 + "…", "RUN [31mmake")


def test_a_config_has_four_mebibytes_at_most() -> None:
    """podman and skopeo read no more (containers/image, `iolimits`)."""
    padded = padded_to(4 * 1024 * 1024, IMAGE.blobs[IMAGE.config_digest])
    assert read_config(padded, read_image(IMAGE.manifest), AMD64).platform == AMD64
    with pytest.raises(UnsupportedManifest) as refusal:
        read_config(padded + b" ", read_image(IMAGE.manifest), AMD64)
    assert refusal.value.raw == "size"


def test_the_config_names_platform_layers_and_build_lines() -> None:
    manifest = read_image(IMAGE.manifest)
    config = read_config(IMAGE.blobs[IMAGE.config_digest], manifest, AMD64)
    assert config.platform == AMD64
    assert len(config.diff_ids) == 2
    assert config.created_by == ("COPY layer-0 /", "COPY layer-1 /")
    assert len({config, read_config(IMAGE.blobs[IMAGE.config_digest], manifest, AMD64)}) == 1, "it is a value"


@pytest.mark.parametrize("history", [None, [], [None, None], [{"created_by": "RUN x"}], [{}, {}, {}]])
def test_a_history_that_does_not_fit_is_left_out(history: object) -> None:
    raw = as_json({**json.loads(IMAGE.blobs[IMAGE.config_digest]), "history": history})
    assert read_config(raw, read_image(IMAGE.manifest), AMD64).created_by == ("", "")


@pytest.mark.parametrize(
    "change",
    [
        {"rootfs": None},
        {"rootfs": {"type": "layers"}},
        {"rootfs": {"type": "layers", "diff_ids": [digest_of(b"x")]}},
        {"rootfs": {"type": "layers", "diff_ids": [digest_of(b"x")] * 3}},
        {"rootfs": {"type": "layers", "diff_ids": ["sha256:x", "sha256:y"]}},
        {"rootfs": {"type": "other", "diff_ids": [digest_of(b"x")] * 2}},
    ],
)
def test_a_config_that_does_not_fit_its_manifest_is_refused(change: dict[str, object]) -> None:
    raw = as_json({**json.loads(IMAGE.blobs[IMAGE.config_digest]), **change})
    with pytest.raises(UnsupportedManifest) as refusal:
        read_config(raw, read_image(IMAGE.manifest), AMD64)
    assert refusal.value.raw == "diff_ids"


def test_the_platform_of_the_config_counts() -> None:
    image = build_image(platform="linux/arm64/v8")
    manifest = read_image(image.manifest)
    with pytest.raises(PlatformMissing) as refusal:
        read_config(image.blobs[image.config_digest], manifest, AMD64)
    assert refusal.value.params == {"platform": "linux/amd64", "offered": "linux/arm64"}
    bare = build_image(platform="linux/arm")
    assert read_config(
        bare.blobs[bare.config_digest], read_image(bare.manifest), Platform("linux", "arm", "v6")
    ).platform == Platform("linux", "arm", "v7")


@pytest.mark.parametrize(
    ("platform", "found"),
    [
        ("linux/amd64/v2", "linux/amd64/v2"),
        ("Linux/x86_64", "linux/amd64"),
        ("linux/AMD64/v1", "linux/amd64"),
    ],
)
def test_a_single_image_is_taken_whatever_its_level(platform: str, found: str) -> None:
    """No client of the nodes compares the variant where there is nothing to choose from."""
    image = build_image(platform=platform)
    read = read_config(image.blobs[image.config_digest], read_image(image.manifest), AMD64)
    assert str(read.platform) == found
    other = build_image(platform="linux/arm/v7")
    with pytest.raises(PlatformMissing):
        read_config(other.blobs[other.config_digest], read_image(other.manifest), Platform("linux", "arm", "v6"))


@pytest.mark.parametrize("type_", [None, ""])
def test_a_config_may_leave_out_what_nobody_uses(type_: str | None) -> None:
    document = json.loads(IMAGE.blobs[IMAGE.config_digest])
    document["rootfs"]["type"] = type_
    document |= {"config": {"Healthcheck": {"Test": 1}}, "x": [[[]]] * 1000}
    raw = as_json(document).replace(b'"created":', b'"comment": "a", "comment": "b", "created":')
    assert read_config(raw, read_image(IMAGE.manifest), AMD64).platform == AMD64


def test_a_config_that_says_twice_what_is_used_is_refused() -> None:
    for used in (b'"os":', b'"architecture":', b'"rootfs":', b'"diff_ids":'):
        raw = IMAGE.blobs[IMAGE.config_digest].replace(used, used + b" [], " + used)
        with pytest.raises(UnsupportedManifest):
            read_config(raw, read_image(IMAGE.manifest), AMD64)


def test_a_config_without_a_platform_has_that_of_the_index() -> None:
    raw = as_json({**json.loads(IMAGE.blobs[IMAGE.config_digest]), "architecture": ""})
    manifest = read_image(IMAGE.manifest)
    with pytest.raises(PlatformMissing):
        read_config(raw, manifest, AMD64)
    assert read_config(raw, replace(manifest, platform=AMD64), AMD64).platform == AMD64


def test_a_config_that_gives_one_layer_two_contents_is_refused() -> None:
    image = build_image([make_layer({"same": b""})] * 2)
    document = json.loads(image.blobs[image.config_digest])
    manifest = read_image(image.manifest)
    assert len(read_config(as_json(document), manifest, AMD64).contents(manifest)) == 1
    document["rootfs"]["diff_ids"][1] = digest_of(b"another")
    with pytest.raises(UnsupportedManifest) as refusal:
        read_config(as_json(document), manifest, AMD64)
    assert refusal.value.params["reason"] == "its config gives one layer two contents"


def test_a_config_that_clients_can_not_read_is_refused() -> None:
    document = {**json.loads(IMAGE.blobs[IMAGE.config_digest]), "config": {"Env": "PATH=/bin"}}
    with pytest.raises(UnsupportedManifest) as refusal:
        read_config(as_json(document), read_image(IMAGE.manifest), AMD64)
    assert refusal.value.params["reason"] == "its config has a value of config.Env that nodes can't read"
