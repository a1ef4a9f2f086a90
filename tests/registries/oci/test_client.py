"""Pulls against a real server: what is followed, what is sent where, and what an answer leads to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from registries.failures import (
    AccessDenied,
    DigestMismatch,
    HostNotAllowed,
    ImageNotFound,
    PullFailed,
    RateLimited,
    RegistryUnreachable,
    UnsupportedManifest,
)
from registries.oci.address_guard import AddressGuard
from registries.oci.manifest import Descriptor
from tests.support.fakes.images import OCI, build_image, digest_of
from tests.support.fakes.registry import FakeRegistry

from .conftest import HASTY, Connect, fetch, pull

BIG = bytes(range(256)) * 2000


@pytest.mark.parametrize("docker_types", [False, True])
@pytest.mark.parametrize("index", [False, True])
def test_the_whole_way(docker_types: bool, index: bool, registry: FakeRegistry, connect: Connect) -> None:
    pushed = registry.push_image("team/app", "1.0", [b"one", BIG], docker_types=docker_types, index=index)
    layers = pull(connect(registry), "team/app")
    assert [digest_of(layer) for layer in layers.values()] == pushed.layer_digests == list(layers)
    assert pull(connect(registry), "team/app", pushed.digest) == layers


@pytest.mark.parametrize(("size", "asked"), [(4 * 1024 * 1024, 1), (4 * 1024 * 1024 + 1, 0)])
def test_a_config_that_is_too_large_is_not_asked_for(
    size: int, asked: int, registry: FakeRegistry, connect: Connect
) -> None:
    pushed = registry.push_image("team/app", "1.0")
    client = connect(registry)
    manifest = fetch(client, "team/app")
    config = replace(manifest.config, size=size)
    with pytest.raises((DigestMismatch, UnsupportedManifest)) as refusal:
        client.config("team/app", replace(manifest, config=config))
    assert refusal.value.raw == ("Content-Length" if asked else "config size")
    assert len(registry.requests_to(pushed.config_digest)) == asked


def test_what_a_manifest_s_answer_must_say(registry: FakeRegistry, connect: Connect) -> None:
    pushed = registry.push_image("team/app", "1.0")
    client = connect(registry)
    registry.fault("/manifests/", headers={"Docker-Content-Digest": f" {pushed.digest} "})
    assert client.fetch_manifest("team/app", "1.0").digest == pushed.digest
    registry.fault("/manifests/", headers={"Docker-Content-Digest": digest_of(b"x")})
    with pytest.raises(DigestMismatch) as refusal:
        client.fetch_manifest("team/app", "1.0")
    assert refusal.value.raw == "Docker-Content-Digest"
    # Of what was asked for by its digest that alone decides.
    assert client.fetch_manifest("team/app", pushed.digest).digest == pushed.digest


def test_a_manifest_that_was_cut_short_is_no_fault_of_the_image(registry: FakeRegistry, connect: Connect) -> None:
    """A proxy that ends the connection without a length to tell by, as nginx does with HTTP/1.0: the digest tells."""
    pushed = registry.push_image("team/app", "1.0")
    head = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nDocker-Content-Digest: {}\r\n\r\n{{"
    registry.fault("/manifests/", raw=head.format(pushed.digest).encode(), times=1)
    client = connect(registry)
    with pytest.raises(DigestMismatch) as refusal:
        client.fetch_manifest("team/app", "1.0")
    assert refusal.value.retryable
    registry.fault("/manifests/", raw=head.format(digest_of(b"{")).encode(), times=1)
    with pytest.raises(UnsupportedManifest):
        client.fetch_manifest("team/app", "1.0")


@pytest.mark.parametrize("header", ["", " ", '"{digest}"', "sha512:" + "a" * 128, "sha256:x", "{digest}, {digest}"])
def test_a_digest_in_a_header_that_is_none_is_not_compared(
    header: str, registry: FakeRegistry, connect: Connect
) -> None:
    pushed = registry.push_image("team/app", "1.0")
    registry.fault("/manifests/", headers={"Docker-Content-Digest": header.format(digest=pushed.digest)})
    assert connect(registry).fetch_manifest("team/app", "1.0").digest == pushed.digest
    accepted = {one.headers["accept"] for one in registry.requests_to("/manifests/")}
    assert [len(one.split(", ")) for one in accepted] == [4]


def test_the_limits_of_pulls_are_those_of_the_last_answer_that_names_them(
    registry: FakeRegistry, connect: Connect
) -> None:
    registry.push_image("team/app", "1.0")
    client = connect(registry)
    seen = []
    for left in ("9", "", "8"):
        registry.fault("/manifests/", headers={"ratelimit-limit": "10", "ratelimit-remaining": left})
        client.fetch_manifest("team/app", "1.0")
        seen.append(client.limits.remaining if client.limits else None)
    assert seen == [9, 9, 8]


def test_what_is_not_there(registry: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0")
    with pytest.raises(ImageNotFound) as refusal:
        pull(connect(registry), "team/app", "2.0")
    where = {"host": registry.host, "service": "registry", "met": registry.host}
    assert refusal.value.params == {**where, "repository": "team/app", "version": "2.0"}
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
    fine = Descriptor(OCI["layer"], digest_of(b""), 1)
    for read in (client.blob, client.has_blob, lambda name, _: client.tags(name)):
        with pytest.raises(ImageNotFound):
            read(repository, fine)
    assert len(registry.seen) == 1


def test_a_host_that_is_not_allowed_is_named_as_it_was_entered(connect: Connect) -> None:
    """Docker Hub's API is at another host than its images."""
    client = connect("docker.io", guard=AddressGuard(resolver=lambda host, port: [("10.0.0.1", port)]))
    for call in (client.resolve, client.connect):
        with pytest.raises(HostNotAllowed) as refusal:
            call()
        assert refusal.value.params == {"host": "docker.io", "service": "registry", "met": "registry-1.docker.io"}


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
    for blob in image.blobs.values():
        registry.push_blob(blob)
    body = image.manifest.replace(b'"size": ', b'"urls": ["%s/layer"], "size": ' % elsewhere.url.encode())
    registry.push_manifest("team/app", "1.0", body, image.manifest_type)
    client = connect(registry)
    assert pull(client, "team/app").keys() == set(image.layer_digests)
    client.check_outside("team/app", fetch(client, "team/app"))
    assert elsewhere.seen == []


def test_a_layer_that_only_its_foreign_address_has_is_named(registry: FakeRegistry, connect: Connect) -> None:
    """The registry is asked before anything is pulled, so that Check says it too."""
    image = build_image([b"one", b"two"])
    registry.push_blob(image.blobs[image.layer_digests[0]])
    types = OCI["layer"].encode(), b"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
    registry.push_manifest("team/app", "1.0", image.manifest.replace(*types), image.manifest_type)
    client = connect(registry)
    with pytest.raises(UnsupportedManifest) as refusal:
        client.check_outside("team/app", fetch(client, "team/app"))
    assert refusal.value.raw == "foreign"
    assert image.layer_digests[1][:19] in str(refusal.value.params["reason"])


@pytest.mark.parametrize(
    ("method", "status", "code"),
    [("HEAD", 405, ""), ("HEAD", 501, ""), ("", 429, "rate_limited"), ("", 503, "registry_unreachable")],
)
def test_a_layer_lies_outside_only_if_the_registry_says_so(
    method: str, status: int, code: str, registry: FakeRegistry, connect: Connect
) -> None:
    """A limit, an outage, or a proxy that knows no HEAD were read as "the registry does not have it", for good."""
    image = build_image([b"one"])
    registry.push_blob(image.blobs[image.layer_digests[0]])
    types = OCI["layer"].encode(), b"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
    registry.push_manifest("team/app", "1.0", image.manifest.replace(*types), image.manifest_type)
    client = connect(registry)
    manifest = fetch(client, "team/app")
    registry.fault("/blobs/", method=method, status=status)
    if not code:
        client.check_outside("team/app", manifest)
        return
    with pytest.raises(PullFailed) as refusal:
        client.check_outside("team/app", manifest)
    assert (refusal.value.code, refusal.value.retryable) == (code, True)


def test_many_layers_that_may_lie_outside_are_not_all_asked_for(registry: FakeRegistry, connect: Connect) -> None:
    image = build_image([b"%d" % number for number in range(9)])
    for digest in image.layer_digests[:8]:
        registry.push_blob(image.blobs[digest])
    types = b"oci.image.layer.v1", b"oci.image.layer.nondistributable.v1"
    registry.push_manifest("team/app", "1.0", image.manifest.replace(*types), image.manifest_type)
    client = connect(registry)
    client.check_outside("team/app", fetch(client, "team/app"))
    assert len(registry.requests_to("/blobs/")) == 8


def test_a_name_is_resolved_and_checked_first(connect: Connect) -> None:
    guard = AddressGuard(resolver=lambda host, port: [("10.0.0.1", port)])
    with pytest.raises(HostNotAllowed) as refusal:
        connect("registry.example", guard=guard).resolve()
    assert refusal.value.params == {"host": "registry.example", "service": "registry", "met": "registry.example"}
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
