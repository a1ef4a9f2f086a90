"""What a pull writes of its image and its layers, and whose rows it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

from groups.failures import StorageQuotaReached
from groups.ingest import fenced_writes
from groups.ingest.claim import Claim
from groups.ingest.encrypt import LayerEncryption
from groups.ingest.layer_reader import StoredLayer
from groups.models import Blob, Image, Layer
from portal.models import Organization, Project
from registries.oci.config import Config
from registries.oci.manifest import Descriptor, Manifest
from registries.oci.platform import Platform
from registries.secrets import at_rest, layer_keys
from tests.groups.ingest.conftest import HOST, claimed
from tests.support.manifests import GZIP, config_of, layer, manifest
from tests.support.pulls import make_blob, make_group
from tests.support.quotas import set_quota
from tests.support.row_locks import row_locks

KEY = b"k" * 32
ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"


def write(claim: Claim, listed: Manifest) -> None:
    fenced_writes.write_manifest(claim, listed, b'{"os": "linux"}', config_of(listed))


def commit(claim: Claim, of: Descriptor, *, name: str = "org/ab/1", kept_as: Descriptor | None = None) -> Blob:
    kept = kept_as or of
    encryption = LayerEncryption(KEY, b"n" * 16, b"h" * 32, "sha256:c")
    fenced_writes.commit_layer(claim, of, StoredLayer(kept.media_type, kept.digest, kept.size, encryption), name)
    return Blob.objects.get(name=name)


@pytest.fixture
def other(held: Claim, project: Project) -> Claim:
    """The claim on a pull of the same image for another group."""
    return claimed(make_group(project, f"{HOST}/team/app:1.0", name="other"))


@pytest.fixture
def theirs(held: Claim, mallory: Any) -> Claim:
    """The claim on a pull of the same image for another organization."""
    return claimed(make_group(Organization.objects.get(slug="umbrella").projects.get(), f"{HOST}/team/app:1.0"))


def test_the_manifest_is_pinned_with_its_layers(held: Claim, other: Claim) -> None:
    listed = manifest(layer(1, 10), layer(2, 20), layer(1, 10))
    config = Config(Platform.parse("linux/amd64"), ("a", "b", "c"), ("RUN x", "y" * 600, ""))
    write(other, manifest(layer(1), digest=7))

    fenced_writes.write_manifest(held, listed, b'{"os": "linux"}', config)

    image = Image.objects.get(pk=held.image.pk)
    assert (image.digest, image.config_digest, image.config_size) == (listed.digest, listed.config.digest, 100)
    assert image.total_bytes == 130
    assert at_rest.decrypt(image.config or b"", bound_to=f"image config {image.pk}") == b'{"os": "linux"}'
    rows = list(image.layers.order_by("position").values_list("position", "digest", "size", "media_type", "created_by"))
    assert rows == [
        (0, layer(1).digest, 10, GZIP, "RUN x"),
        (1, layer(2).digest, 20, GZIP, "y" * 500),
        (2, layer(1).digest, 10, GZIP, ""),
    ]
    assert [row.digest for row in other.image.layers.all()] == [layer(1).digest]


def test_a_later_attempt_keeps_the_layers_of_the_same_manifest_only(held: Claim) -> None:
    write(held, manifest(layer(1), layer(2)))
    blob = commit(held, layer(1))

    write(held, manifest(layer(1), layer(2)))
    assert fenced_writes.committed_blobs(held) == {layer(1).digest: blob}

    write(held, manifest(layer(1), layer(3), digest=2))
    assert fenced_writes.committed_blobs(held) == {}
    assert [row.digest for row in held.image.layers.order_by("position")] == [layer(1).digest, layer(3).digest]


def test_progress_is_that_of_layers_that_are_coming(held: Claim, other: Claim) -> None:
    for claim in (held, other):
        write(claim, manifest(layer(1), layer(2), layer(3)))
    commit(held, layer(1))

    fenced_writes.write_progress(held, {layer(1).digest: 4, layer(2).digest: 5})

    assert list(held.image.layers.order_by("position").values_list("received", flat=True)) == [10, 5, 0]
    assert list(other.image.layers.order_by("position").values_list("received", flat=True)) == [0, 0, 0]


def test_a_layer_is_committed_at_each_of_its_places(held: Claim, other: Claim) -> None:
    for claim in (held, other):
        write(claim, manifest(layer(1), layer(2), layer(1)))
    acme = held.image.organization

    blob = commit(held, layer(1), kept_as=layer(9, 7, ZSTD))

    assert (blob.organization, blob.registry, blob.unused_since) == (acme, HOST, None)
    assert (blob.source_digest, blob.source_size) == (layer(1).digest, 10)
    assert (blob.media_type, blob.digest, blob.size, blob.cipher_digest) == (ZSTD, layer(9).digest, 7, "sha256:c")
    assert (bytes(blob.hmac), bytes(blob.nonce)) == (b"h" * 32, b"n" * 16)
    assert layer_keys.unwrap(blob.wrapped_key, organization_id=acme.pk, digest=blob.digest) == KEY
    rows = held.image.layers.order_by("position")
    assert [(row.blob, row.received, row.committed_at is not None) for row in rows] == [
        (blob, 10, True),
        (None, 0, False),
        (blob, 10, True),
    ]
    assert not other.image.layers.exclude(blob=None).exists()
    assert fenced_writes.committed_blobs(held) == {layer(1).digest: blob}
    assert fenced_writes.committed_blobs(other) == {}

    Layer.objects.update(committed_at=None)
    assert fenced_writes.committed_blobs(held) == {}


def test_a_blob_is_reused_within_its_organization_while_it_exists(held: Claim, theirs: Claim) -> None:
    for claim in (held, theirs):
        write(claim, manifest(layer(1), layer(2)))
    blob = commit(held, layer(1))
    Blob.objects.update(unused_since=blob.stored_at)

    assert not fenced_writes.reuse_blob(theirs, layer(1), blob)
    assert not theirs.image.layers.exclude(blob=None).exists()
    assert Blob.objects.filter(unused_since=None).count() == 0

    Layer.objects.update(blob=None, committed_at=None, received=0)
    assert fenced_writes.reuse_blob(held, layer(1), blob)
    assert Blob.objects.used().get() == blob
    assert fenced_writes.committed_blobs(held) == {layer(1).digest: blob}

    Layer.objects.update(blob=None, committed_at=None, received=0)
    gone = Blob.objects.get(pk=blob.pk)
    blob.delete()
    assert not fenced_writes.reuse_blob(held, layer(1), gone)
    assert fenced_writes.committed_blobs(held) == {}


def test_a_missing_layer_is_reset_and_its_blob_no_longer_used(held: Claim, other: Claim) -> None:
    for claim in (held, other):
        write(claim, manifest(layer(1), layer(2), layer(3)))
    blobs = [commit(held, layer(number), name=f"org/ab/{number}") for number in (1, 2)]
    fenced_writes.reuse_blob(other, layer(2), blobs[1])

    fenced_writes.reset_layer(held, layer(1).digest)

    assert [(row.blob, row.received) for row in held.image.layers.order_by("position")] == [
        (None, 0),
        (blobs[1], 10),
        (None, 0),
    ]
    assert fenced_writes.committed_blobs(held) == {layer(2).digest: blobs[1]}
    assert list(Blob.objects.used()) == [blobs[1]]

    fenced_writes.reset_layer(held, layer(2).digest)
    fenced_writes.reset_layer(held, layer(3).digest)
    assert list(Blob.objects.used()) == [blobs[1]], "the other image uses it"
    assert fenced_writes.committed_blobs(other) == {layer(2).digest: blobs[1]}


class TestReservations:
    """Storage is counted once: as stored, or as reserved by a pull that is to store it."""

    LISTED = manifest(layer(1, 60), layer(2, 40))

    @pytest.fixture
    def limited(self, held: Claim) -> Claim:
        """With room for exactly one such image."""
        set_quota(held.image.organization, max_stored_bytes=100)
        return held

    def test_an_attempt_is_not_refused_by_what_an_earlier_one_reserved_or_stored(self, limited: Claim) -> None:
        write(limited, self.LISTED)
        write(limited, self.LISTED)
        commit(limited, layer(1, 60))
        write(limited, self.LISTED)
        commit(limited, layer(2, 40), name="org/ab/2")
        write(limited, self.LISTED)

    def test_what_another_pull_reserved_or_stored_counts_once(self, limited: Claim, other: Claim) -> None:
        write(limited, manifest(layer(1, 60), layer(2, 40), layer(2, 40)))
        for number in (0, 1, 2):
            if number:
                commit(limited, layer(number, 60 if number == 1 else 40), name=f"org/ab/{number}")
            with pytest.raises(StorageQuotaReached) as refused:
                write(other, manifest(layer(3, 1), digest=3))
            assert refused.value.params == {"used": "100 bytes", "more": "1 byte", "limit": "100 bytes"}
            assert not other.image.layers.exists()

        set_quota(limited.image.organization, max_stored_bytes=101)
        write(other, manifest(layer(3, 1), digest=3))

    def test_what_is_stored_already_costs_nothing(self, limited: Claim, other: Claim) -> None:
        write(limited, self.LISTED)
        commit(limited, layer(1, 60))

        with pytest.raises(StorageQuotaReached):
            write(other, manifest(layer(1, 60), layer(3, 1), digest=2))
        write(other, manifest(layer(1, 60), digest=2))

    def test_a_pull_that_is_over_reserves_nothing(self, limited: Claim, other: Claim) -> None:
        write(limited, self.LISTED)
        for status, fits in (("queued", False), ("pulling", False), ("failed", True), ("ready", True)):
            Image.objects.filter(pk=limited.image.pk).update(status=status)
            if fits:
                write(other, manifest(layer(3, 100), digest=3))
                Layer.objects.filter(image=other.image).delete()
                Image.objects.filter(pk=other.image.pk).update(digest="")
            else:
                with pytest.raises(StorageQuotaReached):
                    write(other, manifest(layer(3, 1), digest=3))

    def test_another_organization_that_is_full_takes_no_room(self, limited: Claim, theirs: Claim) -> None:
        write(theirs, manifest(layer(1, 60), layer(3, 900)))
        commit(theirs, layer(1, 60))
        make_blob(theirs.image.organization, name="org/xy/9", size=900)

        write(limited, self.LISTED)
        with pytest.raises(StorageQuotaReached):
            write(limited, manifest(layer(1, 60), layer(2, 41), digest=2))


def test_where_storage_is_limited_the_organization_is_locked_before_the_image(held: Claim) -> None:
    set_quota(held.image.organization, max_stored_bytes=1000)
    with row_locks() as tables:
        write(held, manifest(layer(1)))
    assert tables == ["groups_quota", "groups_image"]
