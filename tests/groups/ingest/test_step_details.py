"""What a finished step says, word for word."""

from __future__ import annotations

import pytest

from groups.ingest import step_details
from registries.oci.login import Login
from registries.oci.manifest import Descriptor, Entry, Index, Manifest

DIGEST = "sha256:" + "4e1f9c0b7d21" + "0" * 52


def manifest(*sizes: int) -> Manifest:
    layers = tuple(Descriptor("layer", f"sha256:{number:064x}", size) for number, size in enumerate(sizes))
    return Manifest(DIGEST, "m", Descriptor("c", "sha256:c", 100), layers, b"")


def index(platforms: int, attestations: int = 0) -> Index:
    entries = tuple(Entry("m", None, is_attestation) for is_attestation in [False] * platforms + [True] * attestations)
    return Index(DIGEST, "i", entries, b"")


def test_who_signed_in() -> None:
    assert step_details.signed_in(None) == "Without credentials"
    assert step_details.signed_in(Login("alice", "hunter2")) == "Signed in as alice"
    assert step_details.signed_in(Login("a" * 41, "hunter2")) == f"Signed in as {'a' * 39}…"


def test_which_document_it_is() -> None:
    assert step_details.document_digest(manifest(1)) == "Manifest sha256:4e1f9c0b7d21…"
    assert step_details.document_digest(index(2)) == "Index sha256:4e1f9c0b7d21…"


@pytest.mark.parametrize(
    ("platforms", "attestations", "said"),
    [(1, 0, ""), (1, 3, ""), (2, 0, ", of 2 platforms"), (2, 2, ", of 2 platforms")],
)
def test_how_many_platforms_there_were(platforms: int, attestations: int, said: str) -> None:
    assert step_details.of_platforms(index(platforms, attestations)) == said


def test_of_one_manifest_there_was_no_choice() -> None:
    assert step_details.of_platforms(manifest(1)) == ""


def test_size() -> None:
    assert step_details.size(manifest(900)) == "1 kB in 1 layer"
    assert step_details.size(manifest(1000, 900)) == "2 kB in 2 layers"
    assert step_details.size_of_limit(manifest(1899), 2000) == "1.999 kB in 1 layer, of at most 2 kB"
