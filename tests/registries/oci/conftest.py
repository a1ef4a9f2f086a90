"""Clients that reach loopback only, and pulls from end to end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import ip_network
from typing import Any

import pytest

from registries.oci.address_guard import AddressGuard
from registries.oci.client import RegistryClient
from registries.oci.config import read_config
from registries.oci.login import Login
from registries.oci.manifest import Descriptor, Manifest
from registries.oci.platform import Platform
from registries.oci.timeouts import Timeouts
from tests.support.fakes.registry import FakeRegistry

AMD64 = Platform("linux", "amd64")
ALICE = Login("alice", "wonderland")
HASTY = Timeouts(connect=2, read=0.25, head=0.3, document=0.3, rate=2000, rate_window=0.3)

Connect = Callable[..., RegistryClient]


@pytest.fixture
def loopback() -> AddressGuard:
    return AddressGuard([ip_network("127.0.0.0/8")])


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry(auth="bearer", users={"alice": "wonderland"}) as running:
        yield running
        assert running.errors == []


@pytest.fixture
def basic() -> Iterator[FakeRegistry]:
    with FakeRegistry(auth="basic", users={"alice": "wonderland"}) as running:
        yield running


@pytest.fixture
def elsewhere() -> Iterator[FakeRegistry]:
    """What is another host to a client."""
    with FakeRegistry() as running:
        yield running


@pytest.fixture
def connect(loopback: AddressGuard) -> Iterator[Connect]:
    """Make clients of a registry, for alice as a rule, that are closed in the end."""
    with ExitStack() as stack:

        def make(registry: FakeRegistry | str, login: Login | None = ALICE, **options: Any) -> RegistryClient:
            host = registry if isinstance(registry, str) else registry.host
            options = {"guard": loopback, **options}
            return stack.enter_context(RegistryClient(host, login=login, **options))

        yield make


def secrets_seen(*registries: FakeRegistry) -> set[str]:
    """The passwords that were sent to them."""
    return {seen.secret for registry in registries for seen in registry.seen if seen.kind == "basic"}


def read_all(client: RegistryClient, repository: str, blob: Descriptor, size: int = 4096) -> bytes:
    received = bytearray()
    buffer = bytearray(size)
    with client.blob(repository, blob) as reader:
        while count := reader.readinto(buffer):
            received += buffer[:count]
    return bytes(received)


def pull(client: RegistryClient, repository: str, version: str = "1.0") -> dict[str, bytes]:
    """Go through all steps; return the layers by digest."""
    client.resolve()
    client.connect()
    client.authenticate(repository)
    manifest = fetch(client, repository, version)
    read_config(client.config(repository, manifest), manifest, AMD64)
    return {layer.digest: read_all(client, repository, layer) for layer in manifest.layers}


def fetch(client: RegistryClient, repository: str, version: str = "1.0") -> Manifest:
    return client.pick(repository, client.fetch_manifest(repository, version), AMD64)
