"""Layers that the organization has already are taken up, once the registry has said that this pull may read them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from groups.actions import lifecycle
from groups.ingest import fenced_writes
from groups.ingest.claim import Claim
from groups.models import Blob, ContainerGroup, PullStep
from groups.storage import garbage, store
from portal.models import Organization
from registries.foundation.actor import CONSOLE
from registries.oci.manifest import Descriptor
from tests.groups.ingest.conftest import Pulled, again
from tests.support.fakes.images import make_layer
from tests.support.fakes.registry import FakeRegistry
from tests.support.pulls import SECRET, USER, decrypted, make_credential, make_group, stored_files

pytestmark = pytest.mark.slow

BASE = [make_layer({"base": b"system" * 100_000}), make_layer({"lib": b"library" * 9})]


@pytest.fixture
def registry(basic_registry: FakeRegistry) -> FakeRegistry:
    """With Basic, except where a test asks for tokens: these are of one repository, and the client renews them."""
    return basic_registry


@pytest.fixture
def first(registry: FakeRegistry, pulled: Pulled) -> ContainerGroup:
    """A group that is there already. `team/other` shares its base, and has a layer of its own."""
    registry.push_image("team/app", "1.0", layers=[*BASE, make_layer({"app": b"one"})])
    registry.push_image("team/other", "1.0", layers=[*BASE, make_layer({"app": b"two"})])
    group = pulled(registry)
    assert group.status == "stopped"
    registry.seen.clear()
    return group


def fetched(registry: FakeRegistry, method: str = "GET") -> list[str]:
    """Digests of the layers that were asked for."""
    layers = set(Blob.objects.values_list("source_digest", flat=True))
    asked = [seen.path.rpartition("/")[2] for seen in registry.requests_to("/blobs/") if seen.method == method]
    return [digest for digest in asked if digest in layers]


def layers_step(group: ContainerGroup) -> str:
    return PullStep.objects.get(image=group.image, attempt=group.image.attempt, name="layers").detail


@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_shared_layers_are_not_pulled_again(
    registry: FakeRegistry, pulled: Pulled, first: ContainerGroup, blobs: Path, auth: str
) -> None:
    registry.auth = auth

    other = pulled(registry, "team/other:1.0", name="other")

    assert other.status == "stopped"
    ours, theirs = first.image.layers.order_by("position"), other.image.layers.order_by("position")
    assert [layer.blob_id for layer in ours][:2] == [layer.blob_id for layer in theirs][:2]
    assert [layer.received for layer in theirs] == [layer.size for layer in theirs]
    assert all(decrypted(layer) for layer in theirs)
    assert len(stored_files(blobs)) == 4
    assert fetched(registry) == [theirs[2].digest]
    assert sorted(fetched(registry, "HEAD")) == sorted(layer.digest for layer in theirs[:2])
    assert {seen.path.split("/blobs/")[0] for seen in registry.seen if seen.method == "HEAD"} == {"/v2/team/other"}
    assert "2 layers were here already, and the registry confirmed access" in layers_step(other)


def test_without_the_registrys_word_everything_is_pulled(
    registry: FakeRegistry, pulled: Pulled, first: ContainerGroup
) -> None:
    for auth, status in [
        ("bearer", 401),
        ("basic", 401),
        ("bearer", 403),
        ("basic", 404),
        ("basic", 429),
        ("basic", 500),
    ]:
        registry.auth = auth
        registry.seen.clear()
        registry.fault("/blobs/", method="HEAD", status=status)

        other = pulled(registry, "team/other:1.0", name=f"other-{auth}-{status}")

        assert other.status == "stopped", status
        assert len(fetched(registry)) == 3, status
        assert "here already" not in layers_step(other), status


def test_where_blobs_lie_elsewhere_one_byte_is_fetched(
    registry: FakeRegistry, pulled: Pulled, first: ContainerGroup
) -> None:
    """What is signed for S3 is signed for GET alone, so HEAD is no answer there."""
    with FakeRegistry() as storage:
        storage.fault("/storage/", method="HEAD", status=403)
        registry.redirect_blobs_to(storage)

        other = pulled(registry, "team/other:1.0", name="other")

        assert other.status == "stopped"
        ranges = [seen.headers.get("range") for seen in storage.seen if seen.method == "GET"]
        assert ranges.count("bytes=0-0") == 2
        assert "2 layers were here already" in layers_step(other)


def test_a_redirect_to_nowhere_confirms_nothing(registry: FakeRegistry, pulled: Pulled, first: ContainerGroup) -> None:
    registry.fault("/blobs/", method="HEAD", redirect=f"{registry.url}/sign-in")
    for layer in first.image.layers.all()[:2]:
        registry.fault(layer.digest, method="GET", redirect=f"{registry.url}/sign-in", times=1)

    other = pulled(registry, "team/other:1.0", name="other")

    assert other.status == "stopped"
    assert "here already" not in layers_step(other)


def test_never_across_organizations(
    registry: FakeRegistry, first: ContainerGroup, mallory: Any, blobs: Path, woken: list[tuple[str, str]]
) -> None:
    umbrella = Organization.objects.get(slug="umbrella")
    credential = make_credential(umbrella, registry.host)
    group = again(make_group(umbrella.projects.get(), f"{registry.host}/team/app:1.0", credential=credential))

    assert group.status == "stopped"
    assert len(stored_files(blobs)) == 6
    assert not fetched(registry, "HEAD")
    assert len(fetched(registry)) == 3


def test_another_registrys_word_is_none(
    registry: FakeRegistry, pulled: Pulled, first: ContainerGroup, blobs: Path
) -> None:
    """A member's own registry may claim to have every layer whose digest they know."""
    with FakeRegistry(auth="basic", users={USER: SECRET}) as theirs:
        theirs.push_image("team/app", "1.0", layers=[*BASE, make_layer({"app": b"one"})])
        theirs.fault("/blobs/", method="GET", status=404)
        theirs.fault(f"/blobs/{first.image.config_digest}", method="GET")

        claimed = pulled(theirs, name="claimed")

    assert claimed.status == "failed"
    assert not claimed.image.layers.exclude(blob=None).exists()
    assert first.image.layers.exclude(blob=None).count() == 3
    assert len(stored_files(blobs)) == 3


def test_a_blob_that_vanished_is_pulled(registry: FakeRegistry, pulled: Pulled, first: ContainerGroup) -> None:
    lost = first.image.layers.get(position=0)
    assert lost.blob is not None
    store.delete(lost.blob.name)

    other = pulled(registry, "team/other:1.0", name="other")

    assert other.status == "stopped"
    assert lost.digest in fetched(registry)
    assert all(decrypted(layer) for layer in other.image.layers.all())


def test_what_nobody_uses_any_more_is_taken_up_within_the_grace(
    registry: FakeRegistry, pulled: Pulled, first: ContainerGroup
) -> None:
    lifecycle.delete(first, by=CONSOLE)
    assert Blob.objects.filter(unused_since__isnull=False).count() == 3

    other = pulled(registry, "team/other:1.0", name="other")

    assert "2 layers were here already" in layers_step(other)
    assert Blob.objects.filter(unused_since__isnull=True).count() == 3


def test_a_collection_in_between_is_noticed(
    registry: FakeRegistry, pulled: Pulled, first: ContainerGroup, blobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blob was found and confirmed, and goes before the pull comes to hold it."""
    lifecycle.delete(first, by=CONSOLE)
    Blob.objects.update(unused_since=timezone.now() - timedelta(hours=2))
    really = fenced_writes.reuse_blob

    def collect_first(claim: Claim, layer: Descriptor, blob: Blob) -> bool:
        garbage.collect()
        return really(claim, layer, blob)

    monkeypatch.setattr(fenced_writes, "reuse_blob", collect_first)

    other = pulled(registry, "team/other:1.0", name="other")

    assert other.status == "stopped"
    assert "here already" not in layers_step(other)
    assert len(stored_files(blobs)) == 3
    assert all(decrypted(layer) for layer in other.image.layers.all())
