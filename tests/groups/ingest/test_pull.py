"""A whole pull, from a private registry into the store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registries.secrets import at_rest
from tests.groups.ingest.conftest import Pulled
from tests.support.fakes.images import make_layer
from tests.support.fakes.registry import FakeRegistry
from tests.support.pulls import SECRET, decrypted, step_outcomes, stored_files

pytestmark = pytest.mark.slow

STEPS = ["resolve", "connect", "authenticate", "manifest", "platform", "size", "layers", "store", "destroy"]


def test_a_private_image_is_pulled_encrypted_and_kept(registry: FakeRegistry, pulled: Pulled, blobs: Path) -> None:
    layers = [make_layer({"a": b"one" * 500_000}), make_layer({"b": b"two"}), make_layer({"c": b"three" * 9})]
    pushed = registry.push_image("team/app", "1.0", layers=layers)

    group = pulled(registry)

    image = group.image
    assert (group.status, image.status) == ("stopped", "ready")
    assert image.digest == pushed.manifest_digest
    assert image.total_bytes == pushed.size
    assert image.lease is None
    assert step_outcomes(image) == dict.fromkeys(STEPS, "ok")
    rows = list(image.layers.order_by("position"))
    assert [row.digest for row in rows] == pushed.layer_digests
    assert [row.created_by for row in rows] == [f"COPY layer-{number} /" for number in range(3)]
    assert [row.received for row in rows] == [row.size for row in rows]
    assert [decrypted(row) for row in rows] == layers
    assert {path.name for path in stored_files(blobs)} == {Path(row.blob.name).name for row in rows if row.blob}
    config = json.loads(at_rest.decrypt(image.config or b"", bound_to=f"image config {image.pk}"))
    assert config["config"]["Cmd"] == ["/layer-0"]


def test_the_credential_is_destroyed_with_a_receipt(registry: FakeRegistry, pulled: Pulled) -> None:
    registry.push_image("team/app", "1.0")

    credential = pulled(registry).image.credential

    assert credential is not None
    assert credential.sealed is None
    assert credential.destroyed_because == "settled"
    assert (credential.used_count, credential.used_hosts) == (1, [registry.host])


def test_the_secret_goes_to_the_registry_only_when_it_asks(registry: FakeRegistry, pulled: Pulled) -> None:
    registry.push_image("team/app", "1.0")

    pulled(registry)

    shown = [seen.path for seen in registry.seen if seen.secret == SECRET]
    assert shown
    assert shown[0] in ("/v2/", "/token")
    assert not [seen for seen in registry.seen[:2] if seen.secret == SECRET]
