"""Trying again: what is kept, when the next attempt comes, and that it ends."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from groups import failpoints
from groups.ingest import outcome
from groups.models import Failure, Image, Layer
from tests.groups.ingest.conftest import Pulled, again
from tests.support.fakes.images import make_layer
from tests.support.fakes.registry import FakeRegistry
from tests.support.pulls import decrypted, stored_files

pytestmark = pytest.mark.slow


def test_a_passing_failure_is_tried_again_later_with_the_same_credential(
    basic_registry: FakeRegistry, pulled: Pulled
) -> None:
    basic_registry.push_image("team/app", "1.0")
    basic_registry.fault("/manifests/", status=503, times=1)

    group = pulled(basic_registry)

    image = group.image
    assert (group.status, image.status, image.lease) == ("pending", "queued", None)
    assert image.retry_code == "registry_unreachable"
    assert image.retry_params["host"] == basic_registry.host
    assert image.not_before is not None
    assert image.not_before > timezone.now()
    assert image.credential is not None
    assert image.credential.is_live
    assert not Failure.objects.exists()

    group = again(group)

    assert (group.status, group.image.status, group.image.attempt) == ("stopped", "ready", 2)
    assert group.image.retry_code == ""
    assert group.image.credential is not None
    assert not group.image.credential.is_live


def test_the_next_attempt_skips_layers_that_are_stored(
    basic_registry: FakeRegistry, pulled: Pulled, blobs: Path, one_by_one: None
) -> None:
    layers = [make_layer({"large": b"x" * 300_000}, level=0), make_layer({"small": b"y"})]
    pushed = basic_registry.push_image("team/app", "1.0", layers=layers)
    large, small = pushed.layer_digests
    basic_registry.fault(small, status=500, times=1)
    group = pulled(basic_registry)
    assert group.image.layers.filter(committed_at__isnull=False).count() == 1
    assert len(stored_files(blobs)) == 1

    group = again(group)

    assert group.image.status == "ready"
    assert len(basic_registry.requests_to(large)) == 1
    assert [decrypted(layer) for layer in group.image.layers.order_by("position")] == layers


def test_the_next_attempt_takes_the_manifest_that_was_pinned(basic_registry: FakeRegistry, pulled: Pulled) -> None:
    pushed = basic_registry.push_image("team/app", "1.0", layers=[b"as it was"])
    basic_registry.fault(pushed.layer_digests[0], status=500, times=1)
    group = pulled(basic_registry)
    basic_registry.push_image("team/app", "1.0", layers=[b"the tag has moved"])

    group = again(group)

    assert group.image.status == "ready"
    assert group.image.digest == pushed.manifest_digest


def test_a_stored_blob_that_vanished_is_pulled_again(
    basic_registry: FakeRegistry, pulled: Pulled, blobs: Path, one_by_one: None
) -> None:
    pushed = basic_registry.push_image("team/app", "1.0", layers=[b"x" * 30_000, b"y"])
    basic_registry.fault(pushed.layer_digests[1], status=500, times=1)
    group = pulled(basic_registry)
    stored_files(blobs)[0].unlink()

    group = again(group)
    assert (group.image.status, group.image.retry_code) == ("queued", "store_failed")
    group = again(group)

    assert group.image.status == "ready"
    assert all(decrypted(layer) for layer in group.image.layers.all())


def test_a_transfer_that_breaks_is_resumed_where_it_stopped(basic_registry: FakeRegistry, pulled: Pulled) -> None:
    import os

    layer = make_layer({"noise": os.urandom(4_000_000)}, level=0)
    pushed = basic_registry.push_image("team/app", "1.0", layers=[layer])
    basic_registry.fault(pushed.layer_digests[0], reset_after=2_500_000, times=1)

    group = pulled(basic_registry)

    assert (group.image.status, group.image.attempt) == ("ready", 1)
    _, second = basic_registry.requests_to(pushed.layer_digests[0])
    assert second.headers["range"].startswith("bytes=")
    assert decrypted(group.image.layers.get()) == layer


def test_a_digest_that_is_twice_in_a_manifest_is_pulled_once(
    basic_registry: FakeRegistry, pulled: Pulled, blobs: Path
) -> None:
    same = make_layer({"same": b"bytes"})
    pushed = basic_registry.push_image("team/app", "1.0", layers=[same, make_layer({"b": b"b"}), same])

    group = pulled(basic_registry)

    assert len(basic_registry.requests_to(pushed.layer_digests[0])) == 1
    assert len(stored_files(blobs)) == 2
    rows = list(group.image.layers.order_by("position"))
    assert rows[0].blob == rows[2].blob is not None
    assert decrypted(rows[2]) == same


def test_a_registry_that_names_a_time_is_given_it(basic_registry: FakeRegistry, pulled: Pulled) -> None:
    basic_registry.push_image("team/app", "1.0")
    basic_registry.fault("/manifests/", status=429, headers={"Retry-After": "600"})

    image = pulled(basic_registry).image

    assert image.retry_code == "rate_limited"
    assert image.not_before is not None
    assert timedelta(seconds=590) < image.not_before - timezone.now() <= timedelta(seconds=600)


def test_a_wait_that_is_longer_than_our_patience_ends_the_pull(basic_registry: FakeRegistry, pulled: Pulled) -> None:
    basic_registry.push_image("team/app", "1.0")
    basic_registry.fault("/manifests/", status=429, headers={"Retry-After": "1000000000"})

    group = pulled(basic_registry)

    assert group.status == "failed"
    assert Failure.objects.get().code == "rate_limited"


def test_attempts_are_numbered_and_end(basic_registry: FakeRegistry, pulled: Pulled) -> None:
    basic_registry.push_image("team/app", "1.0")
    basic_registry.fault("/manifests/", status=503)

    group = pulled(basic_registry)
    while group.status == "pending":
        assert group.image.attempt < outcome.MAX_ATTEMPTS
        group = again(group)

    assert group.image.attempt == outcome.MAX_ATTEMPTS
    failure = Failure.objects.get()
    assert (failure.attempt, failure.code) == (outcome.MAX_ATTEMPTS, "registry_unreachable")


def test_after_the_time_for_retries_there_is_none(
    basic_registry: FakeRegistry, pulled: Pulled, settings: Settings
) -> None:
    settings.PORTAL_PULL_RETRY_SECONDS = 5
    basic_registry.push_image("team/app", "1.0")
    basic_registry.fault("/manifests/", status=503)
    group = pulled(basic_registry)
    assert group.image.not_before is not None
    assert group.image.not_before <= group.image.retry_until
    Image.objects.update(retry_until=timezone.now() - timedelta(seconds=1))

    assert again(group).status == "failed"


def test_a_blob_that_is_cut_short_is_pulled_again(
    basic_registry: FakeRegistry, pulled: Pulled, blobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = [make_layer({"a": b"whole"}), make_layer({"b": b"too short"})]
    pushed = basic_registry.push_image("team/app", "1.0", layers=layers)

    def lose(name: str) -> None:
        if name == failpoints.LAYER_COMMITTED:
            for layer in Layer.objects.filter(digest=pushed.layer_digests[1]).exclude(blob=None):
                assert layer.blob is not None
                (blobs / layer.blob.name).write_bytes(b"too")

    with monkeypatch.context() as patched:
        patched.setattr("groups.ingest.layers.reached", lose)
        group = pulled(basic_registry)
    assert (group.image.status, group.image.retry_code) == ("queued", "store_failed")
    assert [layer.blob is not None for layer in group.image.layers.order_by("position")] == [True, False]

    group = again(group)

    assert group.image.status == "ready"
    assert [decrypted(layer) for layer in group.image.layers.order_by("position")] == layers
