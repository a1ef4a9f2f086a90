"""What is read of a manifest, and what is refused: digests, sizes, layers, and what can be read in two ways."""

from __future__ import annotations

import base64
import json
import time

import pytest

from registries.failures import DigestMismatch, RegistryUnreachable, UnsupportedManifest
from registries.oci.choice import choose
from registries.oci.manifest import OCI_INDEX, OCI_MANIFEST, Index, Manifest, read_document
from registries.oci.platform import Platform
from tests.support.changed_manifests import IMAGE, Change, changed, read_image, set_in_layer
from tests.support.fakes.images import DOCKER, OCI, as_json, build_image, build_index, descriptor, digest_of, padded_to

AMD64 = Platform("linux", "amd64")


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


def test_an_image_has_a_thousand_layers_at_most() -> None:
    assert len(read_image(changed(lambda d: d.update(layers=d["layers"] * 500))).layers) == 1000
    with pytest.raises(UnsupportedManifest):
        read_image(changed(lambda d: d.update(layers=[*d["layers"] * 500, d["layers"][0]])))


@pytest.mark.parametrize("listed", [{}, "x", 1])
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
        (set_in_layer(mediaType="application/vnd.oci.image.layer.v1.tar+gzip+encrypted"), "encrypted"),
        (set_in_layer(data=base64.b64encode(b"x").decode()), "inline data"),
        (set_in_layer(data="%%%"), "inline data"),
        (set_in_layer(data=["x"]), "inline data"),
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
        (lambda d: d.update(mediaType=OCI_INDEX), "media type"),
        (lambda d: d.update(mediaType=["x"]), "media type"),
        (lambda d: d.update(x=float("inf")), "json"),
        (lambda d: d.update(manifests={}), "ambiguous"),
        (lambda d: d.update(layers=None), "ambiguous"),
        (lambda d: d.update(config=None), "descriptor"),
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


def test_another_digest_than_was_asked_for() -> None:
    with pytest.raises(DigestMismatch):
        read_document(IMAGE.manifest, OCI_MANIFEST, digest_of(b"other"))


@pytest.mark.parametrize("data", [base64.b64encode(b"two").decode(), "", None])
def test_honest_inline_data_are_no_reason_to_refuse(data: str | None) -> None:
    item = descriptor(OCI["layer"], b"two", data=data)
    assert len(read_image(changed(lambda d: d["layers"].append(item))).layers) == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(manifests=None),
        lambda d: d.pop("schemaVersion"),
        lambda d: d.update(subject="\ud800"),
        lambda d: d.update(x=10**40),
        lambda d: d.update(x=json.loads("[" * 400 + "]" * 400)),
        lambda d: d.update(annotations=["x"]),
        set_in_layer(annotations={"x": 1}),
        set_in_layer(platform="x"),
        set_in_layer(urls=[]),
        set_in_layer(data=None),
    ],
)
def test_what_nobody_uses_is_not_read(change: Change) -> None:
    assert [layer.digest for layer in read_image(changed(change)).layers] == IMAGE.layer_digests


def test_a_part_that_is_not_used_may_be_long() -> None:
    long = IMAGE.manifest.replace(b'"layers":', b'"x": [0' + b",0" * 300_000 + b'], "layers":')
    assert len(read_image(long).layers) == 2


def test_a_part_that_is_not_used_may_be_named_twice() -> None:
    twice = IMAGE.manifest.replace(b'"layers":', b'"annotations": {"a": "1", "a": "2"}, "layers":')
    assert len(read_image(twice).layers) == 2
    for used in (b'"layers": [], "layers":', b'"config": {}, "layers":', b'"schemaVersion": 2, "layers":'):
        with pytest.raises(UnsupportedManifest) as refusal:
            read_image(IMAGE.manifest.replace(b'"layers":', used))
        assert refusal.value.raw == "json"
    with pytest.raises(UnsupportedManifest):
        read_image(IMAGE.manifest.replace(b'"size": ', b'"size": 1, "size": '))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"x": ' + b"[" * 1000 + b"]" * 1000 + b"}", "it is nested too deep"),
        (b'{"x": [0' + b",0" * 1_000_001 + b"]}", "it has more parts than an image can have"),
        (b'{"x": "' + b"x" * 4 * 1024 * 1024 + b'"}', "it is larger than 4 MiB"),
    ],
    ids=["deep", "many", "long"],
)
def test_what_is_too_large_is_not_called_invalid(raw: bytes, reason: str) -> None:
    with pytest.raises(UnsupportedManifest) as refusal:
        read_document(raw, OCI_MANIFEST)
    assert (refusal.value.raw, refusal.value.params["reason"]) == ("size", reason)


@pytest.mark.parametrize(
    ("raw", "case", "remedy"),
    [
        (
            changed(lambda d: d["config"].update(mediaType="application/vnd.cncf.helm.config.v1+json")),
            "artifact",
            "Helm",
        ),
        (changed(set_in_layer(mediaType="application/vnd.in-toto+json")), "artifact", "attestations"),
        (b'{"mediaType":"application/vnd.oci.artifact.manifest.v1+json","blobs":[]}', "artifact", "SBOMs"),
        (changed(set_in_layer(mediaType=OCI["layer"] + "+encrypted")), "encrypted", "without encryption"),
        (changed(lambda d: d.update(layers=[])), "empty", "COPY"),
        (changed(lambda d: d.update(layers=d["layers"] * 501)), "too_many_layers", "Merge layers"),
        (changed(lambda d: d.update(annotations={"a": "x" * 4 * 1024 * 1024})), "too_large", "fewer or shorter labels"),
        (changed(set_in_layer(size=-1)), "", "current docker"),
    ],
    ids=["chart", "attestation", "artifact", "encrypted", "empty", "layers", "size", "other"],
)
def test_what_to_do_follows_from_what_it_is(raw: bytes, case: str, remedy: str) -> None:
    """Pushing a chart or an encrypted image again with a current docker changes nothing."""
    with pytest.raises(UnsupportedManifest) as refusal:
        read_image(raw)
    assert refusal.value.params.get("case", "") == case
    assert remedy in refusal.value.words.remedy
    assert str(refusal.value.params["reason"]) in refusal.value.words.text


@pytest.mark.parametrize("raw", [b"{}", b'{"errors":[{"code":"UNKNOWN"}]}', b'{"message":"upstream timed out"}'])
def test_an_error_with_status_200_is_no_image_of_the_members(raw: bytes) -> None:
    """docker/cli#5304 for JSON: what a proxy says in place of a manifest passes, and is tried again."""
    with pytest.raises(RegistryUnreachable) as refusal:
        read_document(raw, OCI_MANIFEST)
    assert (refusal.value.retryable, refusal.value.params["case"]) == (True, "answer")
