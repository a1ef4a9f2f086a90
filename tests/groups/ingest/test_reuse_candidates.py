"""Which stored layers are taken for a layer of this image: everything is asked, and one no is enough."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from django.utils import timezone

from groups.failures import StoreFailed
from groups.ingest import fenced_writes, reuse
from groups.ingest.claim import Claim
from groups.models import Blob, Image
from groups.rules.states import Stale
from groups.storage import store
from portal.models import Organization
from registries.failures import AccessDenied
from registries.oci.client import RegistryClient
from registries.oci.manifest import Descriptor
from tests.groups.ingest.conftest import HOST
from tests.support.manifests import GZIP, config_of, layer, manifest
from tests.support.pulls import make_blob

TAR = "application/vnd.oci.image.layer.v1.tar"
DOCKER_TAR = "application/vnd.docker.image.rootfs.diff.tar"


class Registry:
    """Confirms every layer but those in `refuses`; `asked` are the repository and digest of each question."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.refuses: dict[str, bool | Exception] = {}
        self.aborted = False

    def has_blob(self, repository: str, descriptor: Descriptor) -> bool:
        self.asked.append((repository, descriptor.digest))
        answer = self.refuses.get(descriptor.digest, True)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def abort(self) -> None:
        self.aborted = True


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def pinned(held: Claim, blobs: Path) -> Claim:
    """A pull of an image with two layers."""
    listed = manifest(layer(1), layer(2))
    fenced_writes.write_manifest(held, listed, b"{}", config_of(listed))
    return held


def stored(claim: Claim, number: int = 1, **values: Any) -> Blob:
    """A blob of layer `number` with its object."""
    digest = layer(number).digest
    blob = make_blob(claim.image.organization, **{"source_digest": digest, "digest": digest, **values})
    store.put(blob.name, cast("Any", Object(b"x" * 10)))
    return blob


class Object:
    def __init__(self, content: bytes) -> None:
        self.size = len(content)
        self._content = content

    def pieces(self) -> Any:
        yield memoryview(bytearray(self._content))


def reused(claim: Claim, registry: Registry, *layers: Descriptor, uncompressed: Collection[str] = ()) -> set[str]:
    """Reuse what can be; return the digests, which are then those of committed layers."""
    client, wanted = cast("RegistryClient", registry), layers or (layer(1), layer(2))
    found = reuse.reuse_layers(claim, client, "team/app", wanted, uncompressed)
    assert fenced_writes.committed_blobs(claim).keys() == found
    return found


def test_what_is_stored_and_confirmed_is_reused(pinned: Claim, registry: Registry) -> None:
    blob = stored(pinned)

    assert reused(pinned, registry) == {layer(1).digest}

    assert registry.asked == [("team/app", layer(1).digest)]
    assert fenced_writes.committed_blobs(pinned)[layer(1).digest] == blob


def test_nothing_is_asked_for_what_is_not_stored(pinned: Claim, registry: Registry) -> None:
    stored(pinned, 3)
    assert reused(pinned, registry) == set()
    assert registry.asked == []


@pytest.mark.parametrize(
    "answer", [False, AccessDenied(host=HOST), StoreFailed(raw="get")], ids=["no", "denied", "storage away"]
)
def test_the_registry_is_asked_for_each(pinned: Claim, registry: Registry, answer: bool | Exception) -> None:
    for number in (1, 2):
        stored(pinned, number)
    registry.refuses = {layer(1).digest: answer}

    assert reused(pinned, registry) == {layer(2).digest}

    assert sorted(registry.asked) == [("team/app", layer(1).digest), ("team/app", layer(2).digest)]
    assert not registry.aborted


@pytest.mark.parametrize(
    "differs",
    [
        {"source_size": 11},
        {"media_type": f"{TAR}+zstd"},
        {"registry": "registry.example.com:5000"},
        {"source_digest": f"sha256:{9:064x}"},
        {"digest": f"sha256:{9:064x}"},
        {"size": 9},
        {"size": 11},
    ],
    ids=lambda differs: " ".join(f"{name} {str(value)[-6:]}" for name, value in differs.items()),
)
def test_a_blob_that_is_not_of_this_layer_is_not_taken_for_it(
    pinned: Claim, registry: Registry, differs: dict[str, Any]
) -> None:
    stored(pinned, **differs)

    assert reused(pinned, registry) == set()

    assert registry.asked == [], "and the registry isn't asked"


def test_an_object_that_is_gone_is_not_reused(pinned: Claim, registry: Registry) -> None:
    store.delete(stored(pinned).name)
    assert reused(pinned, registry) == set()


def test_another_organizations_blob_is_never_taken(pinned: Claim, registry: Registry, mallory: Any) -> None:
    umbrella = Organization.objects.get(slug="umbrella")
    for number in (1, 2):
        blob = stored(pinned, number)
        Blob.objects.filter(pk=blob.pk).update(organization=umbrella)

    assert reused(pinned, registry) == set()
    assert registry.asked == []


def test_of_several_the_newest_is_taken(pinned: Claim, registry: Registry) -> None:
    middle = stored(pinned, stored_at=timezone.now() - timedelta(hours=2))
    newest = stored(pinned, stored_at=timezone.now() - timedelta(hours=1))
    stored(pinned, stored_at=timezone.now() - timedelta(hours=3))

    assert reused(pinned, registry) == {layer(1).digest}

    assert fenced_writes.committed_blobs(pinned)[layer(1).digest] == newest != middle


def test_a_claim_that_is_lost_ends_it(pinned: Claim, registry: Registry) -> None:
    stored(pinned)
    Image.objects.update(status="ready")
    with pytest.raises(Stale), pinned.fenced():
        pass

    with pytest.raises(Stale):
        reused(pinned, registry)

    assert registry.asked == []
    assert registry.aborted


def test_a_compressed_blob_is_that_of_an_uncompressed_layer(pinned: Claim, registry: Registry) -> None:
    compressed = stored(pinned, digest=f"sha256:{9:064x}", media_type=f"{TAR}+zstd")
    plain, gzip = Descriptor(TAR, layer(1).digest, 10), Descriptor(GZIP, layer(1).digest, 10)

    assert reused(pinned, registry, gzip) == set()
    assert reused(pinned, registry, plain, uncompressed={layer(1).digest}) == {layer(1).digest}
    assert fenced_writes.committed_blobs(pinned)[layer(1).digest] == compressed


@pytest.mark.parametrize(
    ("listed", "kept", "digests_differ", "is_uncompressed", "same"),
    [
        (f"{TAR}+gzip", f"{TAR}+gzip", False, False, True),
        (f"{DOCKER_TAR}.gzip", f"{TAR}+gzip", False, False, True),
        (TAR, f"{TAR}+gzip", False, False, True),
        ("application/octet-stream", f"{TAR}+zstd", False, False, True),
        (f"{TAR}+xz", f"{TAR}+xz", False, False, True),
        (TAR, DOCKER_TAR, False, False, False),
        (TAR, TAR, False, True, False),
        (TAR, f"{TAR}+gzip", False, True, False),
        (f"{TAR}+zstd", f"{TAR}+gzip", False, False, False),
        (TAR, f"{TAR}+zstd", True, True, True),
        (DOCKER_TAR, f"{TAR}+zstd", True, True, True),
        (f"{TAR}+gzip", f"{TAR}+zstd", True, True, True),
        (TAR, f"{TAR}+zstd", True, False, False),
        (f"{TAR}+zstd", f"{TAR}+zstd", True, False, False),
        (TAR, f"{TAR}+gzip", True, True, False),
    ],
)
def test_whether_a_blob_is_what_would_be_stored(
    listed: str, kept: str, digests_differ: bool, is_uncompressed: bool, same: bool
) -> None:
    digest = layer(2 if digests_differ else 1).digest
    blob = Blob(source_digest=layer(1).digest, source_size=10, digest=digest, media_type=kept)
    for size, is_same in ((10, same), (11, False)):
        described = Descriptor(listed, layer(1).digest, size)
        assert reuse.is_same_layer(described, blob, is_uncompressed=is_uncompressed) is is_same
