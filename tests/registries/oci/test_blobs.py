"""Blobs against a real server: what is asked for, resumed and refused."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from registries.failures import (
    DigestMismatch,
    RegistryUnreachable,
)
from registries.oci.manifest import Descriptor
from registries.oci.verifying_reader import VerifyingReader
from tests.support.fakes.images import OCI, digest_of
from tests.support.fakes.registry import FakeRegistry

from .conftest import Connect, fetch, pull, read_all

BIG = bytes(range(256)) * 2000


def test_what_is_read_is_checked_before_it_becomes_an_address(registry: FakeRegistry, connect: Connect) -> None:
    """Nothing but `read_document` makes descriptors, so these are mistakes of the caller."""
    client = connect(registry)
    for digest, size in (("sha256:../../x", 1), (digest_of(b""), -1), (digest_of(b""), 2**53)):
        for read in (client.blob, client.has_blob):
            with pytest.raises(ValueError, match="descriptor"):
                read("team/app", Descriptor(OCI["layer"], digest, size))
    hashed = hashlib.sha256()
    layer = Descriptor(OCI["layer"], digest_of(b""), 10)
    for offset, so_far in ((1, None), (10, hashed), (11, hashed), (-1, hashed)):
        with pytest.raises(ValueError, match="resuming"):
            client.blob("team/app", layer, offset=offset, digest_so_far=so_far)
    assert registry.seen == []


def test_an_empty_blob_and_one_of_a_byte(registry: FakeRegistry, connect: Connect) -> None:
    client = connect(registry)
    for data in (b"", b"x", b"xy"):
        assert read_all(client, "team/app", stored(registry, data)) == data
    with client.blob("team/app", stored(registry, b"xy"), offset=1, digest_so_far=hashlib.sha256(b"x")) as resumed:
        assert resumed.readinto(buffer := bytearray(9)) == 1
    assert bytes(buffer[:1]) == b"y"


def stored(registry: FakeRegistry, data: bytes) -> Descriptor:
    return Descriptor(OCI["layer"], registry.push_blob(data), len(data))


@pytest.mark.parametrize("whole", ["*", "10"])
def test_a_range_may_leave_the_whole_length_open(whole: str, registry: FakeRegistry, connect: Connect) -> None:
    layer = stored(registry, b"0123456789")
    registry.fault("/blobs/", headers={"Content-Range": f" bytes 4-9/{whole} "})
    with connect(registry).blob("team/app", layer, offset=4, digest_so_far=hashlib.sha256(b"0123")) as resumed:
        assert resumed.readinto(bytearray(9)) == 6


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
def test_after_a_wrong_range_everything_is_asked_for(
    content_range: str, registry: FakeRegistry, connect: Connect
) -> None:
    registry.push_image("team/app", "1.0", [BIG])
    client = connect(registry)
    layer = fetch(client, "team/app").layers[0]
    with client.blob("team/app", layer) as begun:
        begun.readinto(bytearray(10))
    lie = content_range.format(last=layer.size - 1, size=layer.size).encode().decode("latin-1")
    registry.fault("/blobs/", headers={"Content-Range": lie})
    registry.seen.clear()
    with client.blob("team/app", layer, offset=10, digest_so_far=begun.digest_so_far) as resumed:
        while resumed.readinto(bytearray(65536)):
            pass
    assert resumed.received == layer.size
    assert ["range" in one.headers for one in registry.seen] == [True, False]


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
