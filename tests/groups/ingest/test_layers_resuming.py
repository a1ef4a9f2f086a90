"""Layers that break off, from real servers: what it takes to read them to the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from groups.ingest.layers import ResumingReader
from registries.failures import PullFailed, RegistryUnreachable
from registries.oci.address_guard import AddressGuard
from registries.oci.client import RegistryClient
from registries.oci.login import Login
from tests.support.fakes.layers import described
from tests.support.fakes.registry import FakeRegistry

CONTENT = os.urandom(300_000)
LAYER = described(CONTENT)


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry(auth="bearer", users={"alice": "wonderland"}) as running:
        running.push_blob(CONTENT)
        yield running


@pytest.fixture
def storage() -> Iterator[FakeRegistry]:
    with FakeRegistry() as running:
        yield running


@pytest.fixture
def client(registry: FakeRegistry) -> Iterator[RegistryClient]:
    guard = AddressGuard([ip_network("127.0.0.0/8")])
    with RegistryClient(registry.host, login=Login("alice", "wonderland"), guard=guard) as made:
        yield made


def read(client: RegistryClient) -> bytes:
    received, buffer = b"", memoryview(bytearray(10_000))
    with ResumingReader(client, "team/app", LAYER, lambda seconds: None) as reader:
        while count := reader.readinto(buffer):
            received += buffer[:count]
    return received


def offsets(server: FakeRegistry) -> list[int]:
    return [int(one.headers.get("range", "bytes=0-")[6:].partition("-")[0]) for one in server.requests_to("sha256:")]


def test_a_reconnect_that_is_refused_for_now(registry: FakeRegistry, client: RegistryClient) -> None:
    """Each of them used to end the layer, which then began from its start, of whatever size it was."""
    for status in (503, 429):
        registry.fault("/blobs/", status=status, times=1)
    registry.fault("/blobs/", truncate_after=100_000, times=1)
    assert read(client) == CONTENT
    assert offsets(registry) == [0, 100_000, 100_000, 100_000]


def test_a_signed_address_that_is_over_at_the_reconnect(
    registry: FakeRegistry, storage: FakeRegistry, client: RegistryClient
) -> None:
    registry.redirect_blobs_to(storage)
    storage.fault("/storage/", status=403, times=1)
    storage.fault("/storage/", reset_after=100_000, times=1)
    assert read(client) == CONTENT
    assert len(registry.requests_to("/blobs/")) == 3
    assert offsets(storage) == [0, *offsets(storage)[1:2] * 2]


def test_a_token_that_is_over_at_the_reconnect(registry: FakeRegistry, client: RegistryClient) -> None:
    registry.fault("/blobs/", truncate_after=100_000, times=1)
    buffer = memoryview(bytearray(50_000))
    with ResumingReader(client, "team/app", LAYER, lambda seconds: None) as reader:
        received = reader.readinto(buffer)
        registry.forget_tokens()
        while count := reader.readinto(buffer):
            received += count
    assert received == len(CONTENT)
    assert len(registry.requests_to("/token")) == 2


@pytest.mark.parametrize("status", [400, 416, 404])
def test_a_registry_that_knows_no_ranges(status: int, registry: FakeRegistry, client: RegistryClient) -> None:
    """kubernetes/registry.k8s.io#333."""
    registry.fault("/blobs/", status=status, times=1)
    registry.fault("/blobs/", truncate_after=100_000, times=1)
    assert read(client) == CONTENT
    assert offsets(registry) == [0, 100_000, 0]


def test_a_layer_that_is_refused_from_then_on_is_no_verdict(registry: FakeRegistry, client: RegistryClient) -> None:
    registry.fault("/blobs/", status=404)
    registry.fault("/blobs/", truncate_after=100_000, times=1)
    with pytest.raises(PullFailed) as failed:
        read(client)
    assert isinstance(failed.value, RegistryUnreachable)
    assert failed.value.retryable
    assert (failed.value.params["host"], failed.value.params["service"]) == (registry.host, "registry")
