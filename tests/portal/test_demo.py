"""What `make demo` ships: a sample image, and a registry that keeps it private."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from portal.demo import registry
from portal.demo.image import sample_image
from portal.demo.registry import REPOSITORY, TAG, SampleRegistry
from portal.demo.walkthrough import WalkthroughFailed, compare
from registries.failures import AuthenticationFailed, ImageNotFound
from registries.oci.address_guard import AddressGuard
from registries.oci.client import RegistryClient
from registries.oci.login import Login
from registries.oci.platform import Platform

pytestmark = pytest.mark.slow

GUARD = AddressGuard([ip_network("127.0.0.0/8")])


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    server = SampleRegistry(("127.0.0.1", 0), user="deploy", password="let me in")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def client(host: str, secret: str = "let me in") -> RegistryClient:
    return RegistryClient(host, login=Login("deploy", secret), guard=GUARD)


def test_the_image_is_some_tens_of_megabytes_and_always_the_same() -> None:
    first, second = sample_image(), sample_image()
    assert first == second
    assert 20_000_000 < first.size < 80_000_000


def test_the_image_can_be_pulled(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "BYTES_PER_SECOND", 10**12)
    image = sample_image()
    with client(host) as reading:
        reading.connect()
        reading.authenticate(REPOSITORY)
        document = reading.fetch_manifest(REPOSITORY, TAG)
        manifest = reading.pick(REPOSITORY, document, Platform("linux", "amd64"))
        assert manifest.digest == image.manifest_digest
        buffer = bytearray(1 << 20)
        with reading.blob(REPOSITORY, manifest.layers[-1]) as layer:
            received = sum(iter(lambda: layer.readinto(buffer), 0))
        assert received == manifest.layers[-1].size
        assert reading.tags(REPOSITORY) == [TAG]


def test_it_is_private(host: str) -> None:
    with client(host, "a guess") as reading:
        reading.connect()
        with pytest.raises(AuthenticationFailed):
            reading.authenticate(REPOSITORY)


def test_it_has_nothing_else(host: str) -> None:
    with client(host) as reading:
        reading.connect()
        reading.authenticate(REPOSITORY)
        with pytest.raises(ImageNotFound):
            reading.fetch_manifest(REPOSITORY, "2.0")


def test_the_comparison_notices_a_wrong_byte(tmp_path: Path) -> None:
    image = sample_image()
    for digest in image.layer_digests:
        (tmp_path / digest.removeprefix("sha256:")).write_bytes(image.blobs[digest])
    compare(image, tmp_path)
    broken = tmp_path / image.layer_digests[0].removeprefix("sha256:")
    broken.write_bytes(b"x" + broken.read_bytes()[1:])
    with pytest.raises(WalkthroughFailed):
        compare(image, tmp_path)
