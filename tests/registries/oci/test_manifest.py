from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from registries.failures import DigestMismatch, UnsupportedManifest
from registries.oci.manifest import ACCEPT, OCI_INDEX, OCI_MANIFEST, Index, Manifest, choose, read_document
from registries.oci.platform import Platform, missing
from tests.support.fakes.images import DOCKER, OCI, as_json, build_image, build_index, descriptor, digest_of, padded_to

AMD64 = Platform("linux", "amd64")
IMAGE = build_image([b"one", b"two"])
Change = Callable[[dict[str, Any]], object]


def changed(change: Change, raw: bytes = IMAGE.manifest) -> bytes:
    document = json.loads(raw)
    change(document)
    return as_json(document)


def read_image(raw: bytes) -> Manifest:
    found = read_document(raw, OCI_MANIFEST)
    assert isinstance(found, Manifest)
    return found


@pytest.mark.parametrize("docker_types", [False, True])
def test_reads_images_and_lists_of_both_kinds(docker_types: bool) -> None:
    types = DOCKER if docker_types else OCI
    image = build_image([b"one", b"two"], docker_types=docker_types)
    found = read_document(image.manifest, f"{types['manifest']}; charset=utf-8", image.digest)
    assert isinstance(found, Manifest)
    assert found.digest == image.digest
    assert [layer.digest for layer in found.layers] == image.layer_digests
    assert found.config.digest == image.config_digest
    assert found.declared_bytes == sum(len(blob) for blob in image.blobs.values())
    assert {found} == {read_document(image.manifest, types["manifest"])}, "it is a value"
    listed = read_document(build_index({"linux/amd64": image}, docker_types=docker_types), types["index"])
    assert isinstance(listed, Index)
    assert {listed} == {read_document(listed.raw, types["index"])}
    chosen = choose(listed.entries, AMD64)
    assert chosen is not None
    assert chosen.descriptor.digest == image.digest


def test_a_layer_that_is_listed_twice_is_transferred_once() -> None:
    image = build_image([b"same", b"other"])
    raw = changed(lambda d: d["layers"].append(d["layers"][0]), image.manifest)
    assert read_image(raw).declared_bytes == sum(len(blob) for blob in image.blobs.values())


def test_uncompressed_and_zstd_layers_are_taken() -> None:
    def retype(document: dict[str, Any]) -> None:
        document["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.v1.tar+zstd"
        document["layers"][1]["mediaType"] = "application/vnd.oci.image.layer.v1.tar"

    assert len(read_image(changed(retype)).layers) == 2


DOCKER_TYPES = [
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
]
OCI_TYPES = [f"application/vnd.oci.image.layer.v1.tar{packed}" for packed in ("", "+gzip", "+zstd")]


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


def test_an_image_has_a_thousand_layers_at_most() -> None:
    assert len(read_image(changed(lambda d: d.update(layers=d["layers"] * 500))).layers) == 1000
    with pytest.raises(UnsupportedManifest):
        read_image(changed(lambda d: d.update(layers=[*d["layers"] * 500, d["layers"][0]])))


@pytest.mark.parametrize("listed", [{}, "x", 1, None])
def test_a_list_that_is_none(listed: object) -> None:
    with pytest.raises(UnsupportedManifest) as refusal:
        read_document(as_json({"schemaVersion": 2, "manifests": listed}), OCI_INDEX)
    assert refusal.value.raw == "manifests"


def test_a_list_has_a_thousand_entries_at_most() -> None:
    item = descriptor(OCI["manifest"], b"x", platform={"os": "linux", "architecture": "amd64"})
    listed = read_document(as_json({"schemaVersion": 2, "manifests": [item] * 1000}), OCI_INDEX)
    assert isinstance(listed, Index)
    assert len(listed.entries) == 1000
    with pytest.raises(UnsupportedManifest):
        read_document(as_json({"schemaVersion": 2, "manifests": [item] * 1001}), OCI_INDEX)


@pytest.mark.parametrize("listed", ["layers", "entries"])
def test_ten_thousand_entries_and_a_million_layers_are_refused_at_once(listed: str) -> None:
    """A million of the shortest items fit into a manifest that is small enough to be read."""
    name, media_type, count = {"layers": ("layers", OCI_MANIFEST, 10**6), "entries": ("manifests", OCI_INDEX, 10**4)}[
        listed
    ]
    raw = b'{"schemaVersion":2,"%s":[%s{}]}' % (name.encode(), b"{}," * (count - 1))
    assert len(raw) < 4 * 1024 * 1024
    began = time.thread_time()
    with pytest.raises(UnsupportedManifest):
        read_document(raw, media_type)
    assert time.thread_time() - began < 0.5


def test_sizes_that_every_reader_of_json_keeps() -> None:
    assert read_image(changed(set_in_layer(size=2**53 - 1))).layers[0].size == 2**53 - 1
    assert read_image(changed(set_in_layer(size=0))).layers[0].size == 0
    with pytest.raises(UnsupportedManifest):
        read_image(changed(set_in_layer(size=2**53)))


def test_attestations_are_told_by_their_annotation_and_not_chosen() -> None:
    platform = {"os": "linux", "architecture": "amd64"}
    marked = {"vnd.docker.reference.type": "attestation-manifest"}
    items = [
        descriptor(OCI["manifest"], b"a", platform=platform, annotations=marked),
        descriptor(OCI["manifest"], b"b", platform=platform, annotations={"x": "y"}),
    ]
    listed = read_document(as_json({"schemaVersion": 2, "manifests": items}), OCI_INDEX)
    assert isinstance(listed, Index)
    assert [entry.is_attestation for entry in listed.entries] == [True, False]
    assert choose(listed.entries, AMD64) is listed.entries[1]
    assert choose(listed.entries[:1], AMD64) is None


def set_in_layer(**items: object) -> Change:
    return lambda document: document["layers"][0].update(items)


@pytest.mark.parametrize(
    ("change", "raw"),
    [
        (set_in_layer(size=-1), "size"),
        (set_in_layer(size=2**63), "size"),
        (set_in_layer(size=1.5), "size"),
        (set_in_layer(size=True), "size"),
        (set_in_layer(size="1"), "size"),
        (set_in_layer(size=None), "size"),
        (set_in_layer(digest="sha256:../../x"), "digest"),
        (set_in_layer(digest="sha256:" + "A" * 64), "digest"),
        (set_in_layer(digest="sha256:" + "a" * 64 + "\n"), "digest"),
        (set_in_layer(digest="sha256:" + "１" * 64), "digest"),
        (set_in_layer(digest="sha512:" + "a" * 128), "digest"),
        (set_in_layer(digest=5), "digest"),
        (set_in_layer(mediaType="application/x\nX: y"), "media type"),
        (set_in_layer(mediaType=None), "media type"),
        (set_in_layer(mediaType="application/vnd.in-toto+json"), "layer type"),
        (set_in_layer(mediaType="application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"), "foreign"),
        (set_in_layer(mediaType="application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"), "foreign"),
        (set_in_layer(mediaType="application/vnd.oci.image.layer.v1.tar+gzip+encrypted"), "encrypted"),
        (set_in_layer(urls=["https://elsewhere.example/layer"]), "urls"),
        (set_in_layer(data=base64.b64encode(b"x").decode()), "inline data"),
        (set_in_layer(data="%%%"), "inline data"),
        (set_in_layer(data=["x"]), "inline data"),
        (set_in_layer(annotations=["x"]), "annotations"),
        (set_in_layer(annotations={"x": 1}), "annotations"),
        (lambda d: d["layers"].append({**d["layers"][0], "size": 1}), "sizes"),
        (lambda d: d["layers"].append({**d["layers"][0], "digest": d["config"]["digest"]}), "sizes"),
        (lambda d: d["layers"].append("x"), "descriptor"),
        (lambda d: d.update(layers=[]), "layers"),
        (lambda d: d.update(layers={}), "layers"),
        (lambda d: d.pop("config"), "descriptor"),
        (lambda d: d["config"].update(mediaType="application/vnd.cncf.helm.config.v1+json"), "artifact"),
        (lambda d: d["config"].update(mediaType="application/vnd.oci.empty.v1+json"), "artifact"),
        (lambda d: d.update(manifests=[]), "ambiguous"),
        (lambda d: d.pop("layers"), "ambiguous"),
        (lambda d: d.update(schemaVersion=1), "schema 1"),
        (lambda d: d.update(schemaVersion=3), "schema"),
        (lambda d: d.update(schemaVersion="2"), "schema"),
        (set_in_layer(data=base64.b64encode(b"one").decode(), size=4), "inline data"),
        (set_in_layer(data=base64.b64encode(b"eno").decode()), "inline data"),
        (set_in_layer(data=""), "inline data"),
        (lambda d: d.pop("schemaVersion"), "schema"),
        (lambda d: d.update(mediaType=OCI_INDEX), "media type"),
        (lambda d: d.update(mediaType=["x"]), "media type"),
        (lambda d: d.update(subject="\ud800"), "json"),
        (lambda d: d.update(x=int("9" * 21)), "json"),
        (lambda d: d.update(x=float("inf")), "json"),
        (lambda d: d.update(x=json.loads("[" * 40 + "]" * 40)), "json"),
    ],
)
def test_what_is_no_image_is_refused(change: Change, raw: str) -> None:
    with pytest.raises(UnsupportedManifest) as refusal:
        read_image(changed(change))
    assert refusal.value.raw == raw
    assert "sha256" not in str(refusal.value.params) or raw == "digest"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b"<html></html>",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b'{"schemaVersion": 2}'.decode().encode("utf-16"),
        b'{"schemaVersion": 2, "schemaVersion": 2}',
        b'{"schemaVersion": 2, "x": 1e400}',
        b'{"schemaVersion": 2, "x": NaN}',
        b'{"schemaVersion": 2, "x": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"x": "' + b"\\" * 100_001,
        b'{"x": ' + b'"\\"' * 100_000,
    ],
)
def test_doubtful_json_is_refused(raw: bytes) -> None:
    with pytest.raises(UnsupportedManifest):
        read_document(raw, OCI_MANIFEST)


def test_more_than_four_mebibytes_are_refused() -> None:
    padded = padded_to(4 * 1024 * 1024, IMAGE.manifest)
    assert read_document(padded, OCI_MANIFEST)
    with pytest.raises(UnsupportedManifest) as refusal:
        read_document(padded + b" ", OCI_MANIFEST)
    assert refusal.value.raw == "size"


@pytest.mark.parametrize(
    ("content_type", "raw"),
    [
        ("text/html; charset=utf-8", "html"),
        ("application/xhtml+xml", "html"),
        ("application/json", "media type"),
        ("", "media type"),
        (OCI_INDEX, "media type"),
        (DOCKER["manifest"], "media type"),
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", "schema 1"),
    ],
)
def test_the_content_type_must_agree(content_type: str, raw: str) -> None:
    with pytest.raises(UnsupportedManifest) as refusal:
        read_document(IMAGE.manifest, content_type)
    assert refusal.value.raw == raw


def test_a_document_without_a_type_has_that_of_its_answer_and_nothing_else() -> None:
    raw = changed(lambda d: d.pop("mediaType"))
    assert isinstance(read_document(raw, OCI_MANIFEST), Manifest)
    with pytest.raises(UnsupportedManifest):
        read_document(raw, OCI_INDEX)


def test_another_digest_than_was_asked_for() -> None:
    with pytest.raises(DigestMismatch):
        read_document(IMAGE.manifest, OCI_MANIFEST, digest_of(b"other"))


def test_honest_inline_data_are_no_reason_to_refuse() -> None:
    layer = b"two"
    item = descriptor(OCI["layer"], layer, data=base64.b64encode(layer).decode())
    assert len(read_image(changed(lambda d: d["layers"].append(item))).layers) == 3


@pytest.mark.parametrize(
    "platform",
    [
        None,
        "linux/amd64",
        {},
        {"os": "linux"},
        {"os": 1, "architecture": "amd64"},
        {"os": "li\x1bnux", "architecture": "amd64"},
        {"os": "linux", "architecture": "amd64", "variant": 8},
        {"os": "linux", "architecture": "amd64", "variant": "v8\n"},
    ],
)
def test_entries_without_a_platform_are_not_chosen(platform: object) -> None:
    raw = as_json({"schemaVersion": 2, "manifests": [descriptor(OCI["manifest"], b"x", platform=platform)]})
    listed = read_document(raw, OCI_INDEX)
    assert isinstance(listed, Index)
    assert choose(listed.entries, AMD64) is None
    assert missing(AMD64, [one.platform for one in listed.entries]).params["offered"] == "no platform that it names"
