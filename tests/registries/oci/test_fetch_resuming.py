"""The rest of a blob, against real servers: how it is asked for once a transfer broke off."""

from __future__ import annotations

import hashlib

import pytest

from registries.failures import DigestMismatch, PullFailed, RateLimited, RegistryUnreachable
from registries.oci.client import RegistryClient
from registries.oci.manifest import Descriptor
from tests.support.fakes.images import digest_of
from tests.support.fakes.registry import FakeRegistry

from .conftest import Connect

BIG = bytes(range(256)) * 2000
HALF = len(BIG) // 2
LAYER = Descriptor("application/vnd.oci.image.layer.v1.tar", digest_of(BIG), len(BIG))


@pytest.fixture
def client(registry: FakeRegistry, connect: Connect) -> RegistryClient:
    registry.push_blob(BIG)
    return connect(registry)


def rest(client: RegistryClient) -> bytes:
    received, buffer = b"", bytearray(65536)
    with client.blob("team/app", LAYER, offset=HALF, digest_so_far=hashlib.sha256(BIG[:HALF])) as reader:
        while count := reader.readinto(buffer):
            received += buffer[:count]
    return received


def ranges(registry: FakeRegistry) -> list[str]:
    return [one.headers.get("range", "") for one in registry.requests_to("sha256:")]


RANGE = f"bytes={HALF}-{len(BIG) - 1}"


def test_the_rest_is_asked_for_as_a_range(registry: FakeRegistry, client: RegistryClient) -> None:
    assert rest(client) == BIG[HALF:]
    assert ranges(registry) == [RANGE]


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 410, 412, 413, 416, 418, 431, 451, 500, 501, 204])
def test_a_refused_range_is_no_verdict(status: int, registry: FakeRegistry, client: RegistryClient) -> None:
    """kubernetes/registry.k8s.io#333: 400 to a Range read "There is no such image"."""
    registry.fault("/blobs/", status=status, times=1)
    assert rest(client) == BIG[HALF:]
    assert ranges(registry) == [RANGE, ""]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 416, 501])
def test_a_storage_that_refuses_ranges(
    status: int, registry: FakeRegistry, elsewhere: FakeRegistry, client: RegistryClient
) -> None:
    registry.redirect_blobs_to(elsewhere)
    elsewhere.fault("/storage/", status=status, times=2)
    assert rest(client) == BIG[HALF:]
    assert ranges(elsewhere) == [RANGE, RANGE, ""]
    assert ranges(registry) == [RANGE, RANGE, ""]
    assert {one.kind for one in elsewhere.seen} == {""}


def test_an_expired_address_is_asked_for_anew_at_the_registry(
    registry: FakeRegistry, elsewhere: FakeRegistry, client: RegistryClient
) -> None:
    """A registry that keeps signed addresses gave one whose time was over. Its next one is new."""
    elsewhere.blobs = registry.blobs
    for signature, times in (("new", None), ("old", 1)):
        registry.fault("/blobs/", redirect=f"{elsewhere.url}/storage{{path}}?signature={signature}", times=times)
    elsewhere.fault("/storage/", status=403, times=1)
    assert rest(client) == BIG[HALF:]
    assert [one.query for one in elsewhere.seen] == ["signature=old", "signature=new"]
    assert ranges(elsewhere) == [RANGE, RANGE]


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Range": f"bytes 0-{HALF - 1}/{len(BIG)}"},
        {"Content-Range": ""},
        {"Content-Range": f"bytes {HALF}-{len(BIG) - 2}/{len(BIG)}"},
        {"Content-Type": "multipart/byteranges; boundary=x", "Content-Range": "x"},
    ],
    ids=["start", "none", "short", "parts"],
)
def test_another_range_than_was_asked_for(
    headers: dict[str, str], registry: FakeRegistry, client: RegistryClient
) -> None:
    registry.fault("/blobs/", headers=headers, times=1)
    assert rest(client) == BIG[HALF:]
    assert ranges(registry) == [RANGE, ""]


@pytest.mark.parametrize(("status", "raised"), [(503, RegistryUnreachable), (429, RateLimited)])
def test_what_passes_is_left_to_the_next_time(
    status: int, raised: type[PullFailed], registry: FakeRegistry, client: RegistryClient
) -> None:
    registry.fault("/blobs/", status=status)
    with pytest.raises(raised):
        rest(client)
    assert ranges(registry) == [RANGE]


def test_a_registry_that_sends_everything_again(registry: FakeRegistry, client: RegistryClient) -> None:
    registry.ranges = False
    assert rest(client) == BIG[HALF:]
    assert ranges(registry) == [RANGE]
    registry.fault("/blobs/", corrupt=True)
    with pytest.raises(DigestMismatch):
        rest(client)


@pytest.mark.parametrize("encoding", ["x-gzip", "gzip", "none", "binary", "identity", "zstd"])
def test_what_a_digest_proves_needs_no_header(encoding: str, registry: FakeRegistry, client: RegistryClient) -> None:
    """moby/moby#17595: a storage that called its bytes x-gzip."""
    registry.fault("/blobs/", headers={"Content-Encoding": encoding})
    assert rest(client) == BIG[HALF:]
    assert client.has_blob("team/app", LAYER)
