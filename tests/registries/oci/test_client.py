"""Pulls against a real server: what is followed, what is sent where, and what an answer leads to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from registries.failures import (
    AccessDenied,
    DigestMismatch,
    HostNotAllowed,
    ImageNotFound,
    PlatformMissing,
    RateLimited,
    RegistryUnreachable,
    UnsupportedManifest,
)
from registries.oci.address_guard import AddressGuard
from registries.oci.manifest import LAYERS, OCI_INDEX, Descriptor, Index
from registries.oci.verifying_reader import VerifyingReader
from tests.support.fakes.images import OCI, as_json, build_image, build_index, descriptor, digest_of
from tests.support.fakes.registry import FakeRegistry

from .conftest import AMD64, HASTY, Connect, fetch, pull, read_all

BIG = bytes(range(256)) * 2000


@pytest.mark.parametrize("docker_types", [False, True])
@pytest.mark.parametrize("index", [False, True])
def test_the_whole_way(docker_types: bool, index: bool, registry: FakeRegistry, connect: Connect) -> None:
    pushed = registry.push_image("team/app", "1.0", [b"one", BIG], docker_types=docker_types, index=index)
    layers = pull(connect(registry), "team/app")
    assert [digest_of(layer) for layer in layers.values()] == pushed.layer_digests == list(layers)
    assert pull(connect(registry), "team/app", pushed.digest) == layers


def test_the_platform_is_picked_from_several(registry: FakeRegistry, connect: Connect) -> None:
    pushed = registry.push_image("team/app", "1.0", platform=["linux/arm64", "linux/amd64"])
    client = connect(registry)
    document = client.fetch_manifest("team/app", "1.0")
    assert isinstance(document, Index)
    assert document.digest == pushed.digest
    chosen = client.pick("team/app", document, AMD64)
    assert b'"amd64"' in client.config("team/app", chosen)


def test_a_platform_that_is_missing(registry: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0", platform=["linux/arm64", "windows/amd64"])
    with pytest.raises(PlatformMissing) as refusal:
        pull(connect(registry), "team/app")
    assert refusal.value.params == {"platform": "linux/amd64", "offered": "linux/arm64, windows/amd64"}
    registry.push_image("team/app", "2.0", platform="linux/arm64")
    with pytest.raises(PlatformMissing):
        pull(connect(registry), "team/app", "2.0")
    assert registry.requests_to(registry.push_image("team/app").layer_digests[0]) == []


def push_nested(registry: FakeRegistry, depth: int) -> None:
    image = build_image()
    for blob in image.blobs.values():
        registry.push_blob(blob)
    registry.push_manifest("team/app", "x", image.manifest, image.manifest_type)
    body = build_index({"linux/amd64": image})
    for level in range(depth, 0, -1):
        registry.push_manifest("team/app", "1.0" if level == 1 else f"l{level}", body, OCI_INDEX)
        body = as_json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor(OCI_INDEX, body)]})


def test_an_index_within_an_index(registry: FakeRegistry, connect: Connect) -> None:
    push_nested(registry, 2)
    pull(connect(registry), "team/app")
    push_nested(registry, 4)
    with pytest.raises(UnsupportedManifest):
        pull(connect(registry), "team/app")


def test_many_indexes_within_an_index_are_not_all_opened(registry: FakeRegistry, connect: Connect) -> None:
    nested = [as_json({"schemaVersion": 2, "manifests": [], "x": number}) for number in range(900)]
    for one in nested:
        registry.push_manifest("team/app", "x", one, OCI_INDEX)
    listed = as_json({"schemaVersion": 2, "manifests": [descriptor(OCI_INDEX, one) for one in nested]})
    registry.push_manifest("team/app", "1.0", listed, OCI_INDEX)
    with pytest.raises(UnsupportedManifest):
        pull(connect(registry), "team/app")
    assert len(registry.requests_to("/manifests/")) <= 4


def test_an_index_that_lists_itself_ends(registry: FakeRegistry, connect: Connect) -> None:
    digest = digest_of(b"itself")
    item = {"mediaType": OCI_INDEX, "digest": digest, "size": 6}
    body = as_json({"schemaVersion": 2, "manifests": [item]})
    registry.push_manifest("team/app", "1.0", body, OCI_INDEX)
    registry.manifests["team/app", digest] = (OCI_INDEX, body)
    with pytest.raises(DigestMismatch):
        pull(connect(registry), "team/app")


@pytest.mark.parametrize("layers", [[], [b"x"]])
def test_an_index_without_entries(layers: list[bytes], registry: FakeRegistry, connect: Connect) -> None:
    items = [descriptor(OCI["manifest"], layer) for layer in layers]
    registry.push_manifest("team/app", "1.0", as_json({"schemaVersion": 2, "manifests": items}), OCI_INDEX)
    with pytest.raises(PlatformMissing):
        pull(connect(registry), "team/app")


def test_what_is_not_there(registry: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0")
    with pytest.raises(ImageNotFound) as refusal:
        pull(connect(registry), "team/app", "2.0")
    assert refusal.value.params == {"host": registry.host, "repository": "team/app", "version": "2.0"}
    assert refusal.value.raw == "404 MANIFEST_UNKNOWN"
    with pytest.raises(ImageNotFound) as refusal:
        pull(connect(registry), "team/other")
    assert refusal.value.raw == "404 NAME_UNKNOWN"


@pytest.mark.parametrize("repository", ["../app", "team/../app", "Team/app", "team//app", "", "team/app?x", "a%2fb"])
def test_names_are_checked_before_they_become_addresses(
    repository: str, registry: FakeRegistry, connect: Connect
) -> None:
    client = connect(registry)
    client.connect()
    for call in (client.authenticate, lambda name: client.fetch_manifest(name, "1.0")):
        with pytest.raises(ImageNotFound):
            call(repository)
    with pytest.raises(ImageNotFound):
        client.fetch_manifest("team/app", "../../x")
    for digest, size in (("sha256:../../x", 1), (digest_of(b""), -1)):
        with pytest.raises(ValueError, match="descriptor"):
            client.blob("team/app", Descriptor(next(iter(LAYERS)), digest, size))
    assert len(registry.seen) == 1


def test_no_right_to_the_repository(connect: Connect) -> None:
    with FakeRegistry(auth="basic", users={"alice": "wonderland"}, grants={"alice": {"team/mine"}}) as registry:
        registry.push_image("team/mine", "1.0")
        registry.push_image("team/theirs", "1.0")
        pull(connect(registry), "team/mine")
        with pytest.raises(AccessDenied):
            pull(connect(registry), "team/theirs")


def test_the_registry_asks_to_wait(registry: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0")
    registry.fault("/manifests/", status=429, headers={"Retry-After": "1000000000"})
    with pytest.raises(RateLimited) as refusal:
        pull(connect(registry), "team/app")
    assert refusal.value.retry_after == 3600


def test_layers_of_foreign_addresses_are_not_fetched(
    registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect
) -> None:
    image = build_image()
    body = image.manifest.replace(b'"size": ', b'"urls": ["%s/layer"], "size": ' % elsewhere.url.encode(), 1)
    registry.push_manifest("team/app", "1.0", body, image.manifest_type)
    with pytest.raises(UnsupportedManifest):
        pull(connect(registry), "team/app")
    assert elsewhere.seen == []


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_layer_is_resumed(ranges: bool, registry: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0", [BIG * 4])
    registry.ranges = ranges
    client = connect(registry)
    layer = fetch(client, "team/app").layers[0]
    registry.fault("/blobs/", reset_after=layer.size // 2, times=1)
    received = bytearray()
    begun = client.blob("team/app", layer)
    with pytest.raises(RegistryUnreachable):
        drain(begun, received)
    assert 0 < len(received) == begun.received < layer.size
    drain(client.blob("team/app", layer, offset=begun.received, digest_so_far=begun.digest_so_far), received)
    assert digest_of(bytes(received)) == layer.digest
    assert registry.seen[-1].headers["range"] == f"bytes={begun.received}-{layer.size - 1}"


def drain(reader: VerifyingReader, received: bytearray) -> None:
    buffer = bytearray(1024)
    with reader:
        while count := reader.readinto(buffer):
            received += buffer[:count]


@pytest.mark.parametrize(
    "content_range",
    ["", "bytes 0-9/*", "bytes 10-20/30", "bytes 10-{last}/1", "bytes 9-{last}/{size}", "bytes １0-{last}/*"],
)
def test_a_wrong_range_is_refused(content_range: str, registry: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0", [BIG])
    client = connect(registry)
    layer = fetch(client, "team/app").layers[0]
    with client.blob("team/app", layer) as begun:
        begun.readinto(bytearray(10))
    lie = content_range.format(last=layer.size - 1, size=layer.size).encode().decode("latin-1")
    registry.fault("/blobs/", headers={"Content-Range": lie})
    with pytest.raises(DigestMismatch):
        client.blob("team/app", layer, offset=10, digest_so_far=begun.digest_so_far)


def test_a_part_that_was_not_asked_for_is_refused(registry: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0", [BIG])
    registry.fault("/blobs/", status=206, body=b"x")
    with pytest.raises(DigestMismatch):
        pull(connect(registry), "team/app")


def test_layers_in_threads_share_one_token(registry: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0", [bytes([number]) * 200_000 for number in range(12)])
    client = connect(registry)
    manifest = fetch(client, "team/app")
    registry.forget_tokens()
    with ThreadPoolExecutor(6) as threads:
        bodies = list(threads.map(lambda layer: read_all(client, "team/app", layer), manifest.layers))
    assert [digest_of(body) for body in bodies] == [layer.digest for layer in manifest.layers]
    assert len(registry.requests_to("/token")) == 2


def test_a_name_is_resolved_and_checked_first(connect: Connect) -> None:
    guard = AddressGuard(resolver=lambda host, port: [("10.0.0.1", port)])
    with pytest.raises(HostNotAllowed) as refusal:
        connect("registry.example", guard=guard).resolve()
    assert refusal.value.params == {"host": "registry.example"}
    with pytest.raises(HostNotAllowed):
        connect("registry example")
    asked: list[str] = []

    def note(host: str, port: int) -> list[tuple[str, int]]:
        asked.append(f"{host}:{port}")
        return [("8.8.8.8", port)]

    connect("docker.io", guard=AddressGuard(resolver=note)).resolve()
    assert asked == ["registry-1.docker.io:443"]


def test_failures_carry_no_secret_and_no_context(registry: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0")
    client = connect(registry, timeouts=HASTY)
    fetch(client, "team/app")
    token = registry.seen[-1].secret
    registry.fault("/manifests/", stall_after=0)
    with pytest.raises(RegistryUnreachable) as refusal:
        fetch(client, "team/app")
    assert refusal.value.__context__ is None
    assert refusal.value.__cause__ is None
    ours = [entry for entry in refusal.traceback if "tests" not in Path(entry.path).parts]
    assert ours
    for entry in ours:
        shown = repr(entry.locals)
        assert token not in shown
        assert "wonderland" not in shown
