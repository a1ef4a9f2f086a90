"""Types and labels: what a document, a config and a layer are, whatever a registry calls them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from registries.failures import UnsupportedManifest
from registries.oci.manifest import ACCEPT, OCI_INDEX, OCI_MANIFEST, Index, Manifest, read_document
from tests.support.changed_manifests import IMAGE, changed, read_image, set_in_layer
from tests.support.fakes.images import DOCKER, OCI, as_json, descriptor, digest_of

DOCKER_TYPES = [
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
]
OCI_TYPES = [f"application/vnd.oci.image.layer.v1.tar{packed}" for packed in ("", "+gzip", "+zstd")]


def test_uncompressed_and_zstd_layers_are_taken() -> None:
    def retype(document: dict[str, Any]) -> None:
        document["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.v1.tar+zstd"
        document["layers"][1]["mediaType"] = "application/vnd.oci.image.layer.v1.tar"

    assert len(read_image(changed(retype)).layers) == 2


def test_which_types_an_image_has() -> None:
    for number, media_type in enumerate(DOCKER_TYPES + OCI_TYPES):
        document = json.loads(IMAGE.manifest)
        document["layers"].append(descriptor(media_type, b"%d" % number))
        assert read_image(as_json(document)).layers[2].media_type == media_type
    for media_type in (OCI["config"], DOCKER["config"]):
        document["config"]["mediaType"] = media_type
        assert read_image(as_json(document)).config.media_type == media_type
    assert ACCEPT == (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )


@pytest.mark.parametrize(
    ("content_type", "raw"),
    [
        (OCI_INDEX, "media type"),
        (DOCKER["index"], "media type"),
        (f"{OCI_MANIFEST}, {OCI_INDEX}", "media type"),
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", "schema 1"),
        ("application/vnd.docker.distribution.manifest.v1+json", "schema 1"),
    ],
)
def test_the_content_type_must_not_contradict(content_type: str, raw: str) -> None:
    """CVE-2021-41190: a document that is an image to some and a list to others."""
    with pytest.raises(UnsupportedManifest) as refusal:
        read_document(IMAGE.manifest, content_type)
    assert refusal.value.raw == raw


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "application/json; charset=utf-8",
        "application/octet-stream",
        "text/plain",
        "text/html",
        OCI_MANIFEST.upper(),
        f"{OCI_MANIFEST}, {OCI_MANIFEST}",
        DOCKER["manifest"],
    ],
)
def test_a_server_that_does_not_know_what_it_sends(content_type: str) -> None:
    found = read_document(IMAGE.manifest, content_type)
    assert isinstance(found, Manifest)
    assert found.media_type == OCI_MANIFEST
    bare = changed(lambda d: d.pop("mediaType"))
    read = replace(found, raw=bare, digest=digest_of(bare))
    assert replace(read_document(bare, content_type), media_type=OCI_MANIFEST) == read


def test_a_list_without_a_type() -> None:
    assert isinstance(read_document(as_json({"manifests": []}), "text/plain"), Index)


@pytest.mark.parametrize("own", ["application/vnd.cncf.helm.chart.v1", "application/vnd.example+json"])
def test_a_type_that_no_image_has(own: str) -> None:
    for raw, content_type in (
        (changed(lambda d: d.update(mediaType=own)), OCI_MANIFEST),
        (changed(lambda d: d.pop("mediaType")), own),
    ):
        with pytest.raises(UnsupportedManifest) as refusal:
            read_document(raw, content_type)
        assert refusal.value.raw == "media type"


def test_a_document_without_a_type_has_that_of_its_answer_and_nothing_else() -> None:
    raw = changed(lambda d: d.pop("mediaType"))
    assert isinstance(read_document(raw, OCI_MANIFEST), Manifest)
    with pytest.raises(UnsupportedManifest):
        read_document(raw, OCI_INDEX)


@pytest.mark.parametrize(
    "media_type",
    ["application/octet-stream", "application/json", "text/html", "text/plain", "", None, "Text/HTML; x=y"],
)
def test_a_config_under_another_label(media_type: str | None) -> None:
    """moby/moby#48361, moby/moby#44568: what registries have made of the config's type."""
    found = read_image(changed(lambda d: d["config"].update(mediaType=media_type)))
    assert found.config.digest == IMAGE.config_digest


@pytest.mark.parametrize(
    ("media_type", "outside"),
    [
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", True),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar", True),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", True),
        ("application/vnd.oci.image.layer.v1.tar+bzip2", False),
        ("application/vnd.oci.image.layer.v1.tar.gzip", False),
        ("application/octet-stream", False),
        ("application/x-gzip", False),
        ("Application/Vnd.OCI.image.layer.v1.tar+gzip; q=1", False),
    ],
)
def test_a_layer_under_another_label(media_type: str, outside: bool) -> None:
    """Its bytes say what it is, and the registry whether it has it (containerd/containerd#7676)."""
    assert read_image(changed(set_in_layer(mediaType=media_type))).layers[0].outside is outside
    assert read_image(changed(set_in_layer(mediaType=media_type, urls=["https://x.example/"]))).layers[0].outside
