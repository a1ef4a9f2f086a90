from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from registries.failures import DigestMismatch, RegistryUnreachable, UnsupportedManifest
from registries.oci.choice import choose
from registries.oci.manifest import ACCEPT, OCI_INDEX, OCI_MANIFEST, Index, Manifest, read_document
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


def test_another_digest_than_was_asked_for() -> None:
    with pytest.raises(DigestMismatch):
        read_document(IMAGE.manifest, OCI_MANIFEST, digest_of(b"other"))


@pytest.mark.parametrize("data", [base64.b64encode(b"two").decode(), "", None])
def test_honest_inline_data_are_no_reason_to_refuse(data: str | None) -> None:
    item = descriptor(OCI["layer"], b"two", data=data)
    assert len(read_image(changed(lambda d: d["layers"].append(item))).layers) == 3


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
    "sibling",
    [
        "x",
        None,
        [],
        {},
        {"mediaType": 5, "digest": "x", "size": -1},
        {"mediaType": OCI_MANIFEST, "digest": "sha512:x", "platform": {"os": "linux", "architecture": "arm"}},
        {"mediaType": OCI_MANIFEST, "platform": {"os": 5}},
        {"mediaType": OCI_MANIFEST, "data": "%%%", "urls": ["x"], "annotations": ["x"], "platform": []},
        {"mediaType": OCI_MANIFEST, "artifactType": "application/vnd.in-toto+json",
         "platform": {"os": "linux", "architecture": "amd64"}},
    ],
)  # fmt: skip
def test_an_entry_that_is_not_chosen_is_not_judged(sibling: object) -> None:
    chosen = descriptor(OCI["manifest"], b"x", platform={"os": "Linux", "architecture": "x86_64"})
    listed = read_document(as_json({"schemaVersion": 2, "manifests": [sibling, chosen, sibling]}), OCI_INDEX)
    assert isinstance(listed, Index)
    entry = choose(listed.entries, AMD64)
    assert entry is not None
    assert entry.descriptor.digest == chosen["digest"]


@pytest.mark.parametrize(("name", "raw"), [("size", "size"), ("digest", "digest")])
def test_the_entry_that_is_chosen_is_judged(name: str, raw: str) -> None:
    item = descriptor(OCI["manifest"], b"x", platform={"os": "linux", "architecture": "amd64"}) | {name: "x"}
    listed = read_document(as_json({"schemaVersion": 2, "manifests": [item]}), OCI_INDEX)
    assert isinstance(listed, Index)
    entry = choose(listed.entries, AMD64)
    assert entry is not None
    with pytest.raises(UnsupportedManifest) as refusal:
        _ = entry.descriptor
    assert refusal.value.raw == raw


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
