"""Entries of an index: the chosen one is judged, and no other."""

from __future__ import annotations

import pytest

from registries.failures import UnsupportedManifest
from registries.oci.choice import choose
from registries.oci.manifest import OCI_INDEX, OCI_MANIFEST, Index, read_document
from registries.oci.platform import missing
from tests.registries.oci.conftest import AMD64
from tests.support.fakes.images import OCI, as_json, descriptor


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
