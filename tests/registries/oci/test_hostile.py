"""A registry that lies, drips, floods or breaks off."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from itertools import repeat

import pytest

from registries.failures import DigestMismatch, PullFailed, RegistryUnreachable, UnsupportedManifest
from registries.oci.manifest import OCI_INDEX, OCI_MANIFEST
from tests.support.fakes.images import as_json, build_image, descriptor, digest_of
from tests.support.fakes.registry import FakeRegistry

from .conftest import HASTY, Connect, fetch, pull

pytestmark = pytest.mark.slow

BIG = bytes(range(256)) * 2000


def name_of(knobs: object) -> str | None:
    """What the registry does, to name the case; what is too long has a name of its own there."""
    if not isinstance(knobs, dict):
        return None
    return " ".join(f"{name}={value!r}" for name, value in knobs.items()).replace(repr(BIG), "BIG")


@pytest.mark.parametrize(
    "knobs",
    [
        {"corrupt": True},
        {"corrupt": True, "chunked": True},
        {"drop": 1},
        {"drop": 1, "chunked": True},
        {"append": b"x"},
        {"append": b"x", "chunked": True},
        {"append": BIG, "chunked": True},
        {"length": 5},
        {"status": 200, "body": b""},
        {"status": 200, "body": b"<html>"},
    ],
    ids=name_of,
)
@pytest.mark.parametrize("where", ["layer", "config"])
def test_a_body_that_is_not_what_was_announced(
    where: str, knobs: dict[str, object], registry: FakeRegistry, connect: Connect
) -> None:
    pushed = registry.push_image("team/app", "1.0", [BIG])
    registry.fault(pushed.layer_digests[0] if where == "layer" else pushed.config_digest, **knobs)
    with pytest.raises(DigestMismatch) as refusal:
        pull(connect(registry), "team/app")
    assert str(refusal.value.params["what"]).startswith(where if where == "layer" else "the config")


@pytest.mark.parametrize(
    "knobs",
    [
        {"truncate_after": 20},
        {"truncate_after": 20, "chunked": True},
        {"truncate_after": 0},
        {"reset_after": 20},
        {"reset_after": 0},
        {"stall_after": 20},
        {"stall_after": 0},
        {"bytes_per_second": 5},
        {"bytes_per_second": 5, "chunked": True},
        {"delay": 5},
        {"status": 500},
        {"status": 503, "headers": {"Retry-After": "5"}},
        {"raw": b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nhello"},
        {"raw": b""},
        {"raw": b"\x00\x01\x02\r\n"},
        {"raw": b"HTTP/1.1 abc\r\n\r\n"},
        {"raw": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello"},
        {"raw": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello"},
        pytest.param({"raw": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 10**6 + b"\r\n\r\n"}, id="a header of a megabyte"),
        pytest.param({"raw": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10**5 + b"\r\n"}, id="a hundred thousand headers"),
        pytest.param(
            {"raw": b"HTTP/1.1 200 OK\r\nWWW-Authenticate: Bearer " + b"a" * 10**6}, id="a challenge of a megabyte"
        ),
    ],
    ids=name_of,
)
@pytest.mark.parametrize("where", ["blobs", "manifests", "token"])
def test_a_transfer_that_breaks_or_drags(
    where: str, knobs: dict[str, object], registry: FakeRegistry, connect: Connect
) -> None:
    registry.push_image("team/app", "1.0", [BIG])
    registry.fault(f"/{where}", **knobs)
    with pytest.raises(RegistryUnreachable) as refusal:
        pull(connect(registry, timeouts=HASTY), "team/app")
    assert refusal.value.params["host"] == registry.host


def forever(head: bytes, piece: bytes) -> Iterator[bytes]:
    yield head
    yield from repeat(piece)


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 ", b"100 Continue\r\n\r\nHTTP/1.1 "),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 4096),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
    ],
    ids=["continue", "headers", "body", "chunks", "trailers"],
)
@pytest.mark.parametrize("where", ["blobs", "manifests", "token"])
def test_answers_without_end_are_bounded(
    where: str, head: bytes, piece: bytes, registry: FakeRegistry, connect: Connect
) -> None:
    registry.push_image("team/app", "1.0", [BIG])
    registry.fault(f"/{where}", raw=forever(head, piece))
    with pytest.raises(PullFailed) as refusal:
        pull(connect(registry, timeouts=HASTY), "team/app")
    assert refusal.value.code in {"registry_unreachable", "digest_mismatch", "unsupported_manifest"}


def test_headers_that_drip_are_given_up(registry: FakeRegistry, connect: Connect) -> None:
    def drip() -> Iterator[bytes]:
        for byte in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 10_000:
            registry.closing.wait(0.05)
            yield bytes([byte])

    registry.push_image("team/app", "1.0")
    registry.fault("/manifests/", raw=drip())
    with pytest.raises(RegistryUnreachable):
        pull(connect(registry, timeouts=HASTY), "team/app")


def test_a_digest_header_that_lies(registry: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0")
    registry.fault("/manifests/", headers={"Docker-Content-Digest": digest_of(b"other")})
    with pytest.raises(DigestMismatch):
        pull(connect(registry), "team/app")


def test_another_manifest_than_its_digest(registry: FakeRegistry, connect: Connect) -> None:
    pushed = registry.push_image("team/app", "1.0", index=True)
    other = build_image([b"evil"])
    registry.manifests["team/app", pushed.manifest_digest] = (OCI_MANIFEST, other.manifest)
    registry.push_manifest("team/app", "evil", other.manifest, OCI_MANIFEST)
    with pytest.raises(DigestMismatch):
        pull(connect(registry), "team/app")
    with pytest.raises(DigestMismatch):
        pull(connect(registry), "team/app", pushed.manifest_digest)


@pytest.mark.parametrize("lie", [{"size": 1}, {"mediaType": OCI_INDEX}])
def test_an_index_that_lies_about_its_entries(lie: dict[str, object], registry: FakeRegistry, connect: Connect) -> None:
    image = build_image()
    registry.push_manifest("team/app", "x", image.manifest, OCI_MANIFEST)
    item = {**descriptor(OCI_MANIFEST, image.manifest), "platform": {"os": "linux", "architecture": "amd64"}, **lie}
    registry.push_manifest("team/app", "1.0", as_json({"schemaVersion": 2, "manifests": [item]}), OCI_INDEX)
    with pytest.raises((DigestMismatch, UnsupportedManifest)):
        pull(connect(registry), "team/app")


@pytest.mark.parametrize("content_type", ["text/html", "application/json", OCI_INDEX])
def test_a_page_instead_of_a_manifest(content_type: str, registry: FakeRegistry, connect: Connect) -> None:
    registry.push_manifest("team/app", "1.0", b"<html>Sign in</html>", content_type)
    with pytest.raises(RegistryUnreachable):
        pull(connect(registry), "team/app")


@pytest.mark.parametrize("chunked", [False, True])
def test_memory_is_bounded(chunked: bool, registry: FakeRegistry, connect: Connect) -> None:
    registry.push_manifest("team/app", "1.0", b" " * 40_000_000, OCI_MANIFEST)
    registry.fault("/manifests/", chunked=chunked)
    registry.push_image("team/app", "2.0", [BIG])
    client = connect(registry)
    fetch(client, "team/app", "2.0") if not chunked else client.connect()
    tracemalloc.start()
    with pytest.raises(UnsupportedManifest):
        client.fetch_manifest("team/app", "1.0")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12_000_000


def test_ansi_and_html_of_errors_are_not_repeated(registry: FakeRegistry, connect: Connect) -> None:
    body = as_json({"errors": [{"code": "\x1b[31m<script>", "message": "<script>alert(1)</script>\x1b[0m"}]})
    registry.fault("/manifests/", status=403, body=body)
    with pytest.raises(PullFailed) as refusal:
        pull(connect(registry), "team/app")
    assert refusal.value.raw == "403"
    assert "script" not in str(refusal.value.params)
