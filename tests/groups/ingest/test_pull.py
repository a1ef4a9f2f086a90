"""A whole pull, from a private registry into the store."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from groups.ingest.layers import Summary
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


def test_the_lease_is_renewed_until_the_pull_has_ended(
    basic_registry: FakeRegistry, pulled: Pulled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last transaction may wait for locks of other pulls."""
    basic_registry.push_image("team/app", "1.0")
    renewed: dict[str, bool] = {}
    monkeypatch.setattr(
        "groups.ingest.outcome.reached",
        lambda name: renewed.update({name: "heartbeat" in {thread.name for thread in threading.enumerate()}}),
    )

    pulled(basic_registry)

    assert renewed
    assert all(renewed.values())


def test_the_secret_goes_to_the_registry_only_when_it_asks(registry: FakeRegistry, pulled: Pulled) -> None:
    registry.push_image("team/app", "1.0")

    pulled(registry)

    shown = [seen.path for seen in registry.seen if seen.secret == SECRET]
    assert shown
    assert shown[0] in ("/v2/", "/token")
    assert not [seen for seen in registry.seen[:2] if seen.secret == SECRET]


def test_each_step_says_what_it_did(registry: FakeRegistry, pulled: Pulled) -> None:
    pushed = registry.push_image("team/app", "1.0", layers=[make_layer({"a": b"one" * 9})])

    steps = pulled(registry).image.steps.order_by("id")

    size = f"{pushed.size} bytes in 1 layer"
    assert dict(steps.values_list("name", "detail")) == {
        "resolve": registry.host,
        "connect": f"{registry.host} answers as a registry",
        "authenticate": "Signed in as deploy",
        "manifest": f"Manifest {pushed.manifest_digest[:19]}…",
        "platform": "linux/amd64",
        "size": f"{size}, of at most 10 GB",
        "layers": f"{size}, each encrypted with a key of its own",
        "store": "1 encrypted blob is in place",
        "destroy": "Destroyed",
    }


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        (Summary(), []),
        (Summary(reused=1), ["1 layer was here already, and the registry confirmed access"]),
        (Summary(reused=2), ["2 layers were here already, and the registry confirmed access"]),
        (Summary(compressed=1), ["1 came uncompressed and is kept as zstd"]),
        (Summary(compressed=2), ["2 came uncompressed and are kept as zstd"]),
        (
            Summary(reused=1, compressed=1, kept=3),
            [
                "1 layer was here already, and the registry confirmed access",
                "1 came uncompressed and is kept as zstd",
                "3 kept from an earlier attempt",
            ],
        ),
    ],
)
def test_what_became_of_the_layers_is_said(
    basic_registry: FakeRegistry, pulled: Pulled, monkeypatch: pytest.MonkeyPatch, summary: Summary, said: list[str]
) -> None:
    basic_registry.push_image("team/app", "1.0", layers=[make_layer({"a": b"one"})])
    monkeypatch.setattr("groups.ingest.pipeline.pull_layers", lambda *arguments: summary)

    step = pulled(basic_registry).image.steps.get(name="layers")

    assert step.detail.split("; ")[1:] == said
