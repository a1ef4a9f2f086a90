"""Who is named where something fails: the registry, its sign-in service, or its storage."""

from __future__ import annotations

import socket
from ipaddress import ip_network
from pathlib import Path

import pytest

from registries.failures import PullFailed
from registries.oci.address_guard import AddressGuard
from tests.support.fakes.certificates import Authority
from tests.support.fakes.registry import FakeRegistry

from .conftest import Connect, pull


def named(refusal: pytest.ExceptionInfo[PullFailed]) -> tuple[str, object, object]:
    params = refusal.value.params
    return refusal.value.code, params["service"], params["met"]


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize(
    ("names", "options", "case"),
    [
        (["127.0.0.1"], {"expired": True}, "expired"),
        (["minio.internal"], {}, "other_name"),
        (["127.0.0.1"], {"self_signed": True}, "unknown_authority"),
    ],
)
def test_the_storages_certificate_is_not_blamed_on_the_registry(
    names: list[str], options: dict[str, bool], case: str, tmp_path: Path, connect: Connect
) -> None:
    """harbor#20588: the certificate of the MinIO behind Harbor read as the registry's."""
    authority = Authority(tmp_path)
    (tmp_path / "storage").mkdir()
    files = authority.issue("127.0.0.1")
    files = tuple(Path(file).rename(tmp_path / "storage" / Path(file).name) for file in files)  # type: ignore[assignment]
    with FakeRegistry(tls=files) as registry, FakeRegistry(tls=authority.issue(*names, **options)) as storage:
        registry.push_image("team/app", "1.0")
        registry.redirect_blobs_to(storage)
        with pytest.raises(PullFailed) as refusal:
            pull(connect(registry, login=None, ca_file=authority.ca_file), "team/app")
    assert named(refusal) == ("tls_invalid", "storage", storage.host)
    assert refusal.value.params["case"] == case
    assert f"the storage {storage.host} of the registry {registry.host}" in refusal.value.words.text.lower()


def test_a_storage_that_refuses_connections(registry: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0")
    port = closed_port()
    registry.fault("/blobs/", redirect=f"http://127.0.0.1:{port}/x")
    with pytest.raises(PullFailed) as refusal:
        pull(connect(registry), "team/app")
    assert named(refusal) == ("registry_unreachable", "storage", f"127.0.0.1:{port}")
    assert refusal.value.words.title == "The registry's storage can't be reached"


def test_a_storage_that_breaks_off(registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0", [b"x" * 300_000])
    registry.redirect_blobs_to(elsewhere)
    elsewhere.fault("/storage/", reset_after=1000)
    with pytest.raises(PullFailed) as refusal:
        pull(connect(registry), "team/app")
    assert named(refusal) == ("registry_unreachable", "storage", elsewhere.host)


def test_a_storage_that_sends_other_bytes(registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0", [b"x" * 300_000])
    registry.redirect_blobs_to(elsewhere)
    elsewhere.fault("/storage/", corrupt=True)
    with pytest.raises(PullFailed) as refusal:
        pull(connect(registry), "team/app")
    assert named(refusal) == ("digest_mismatch", "storage", elsewhere.host)


@pytest.mark.parametrize(
    ("status", "code"), [(503, "registry_unreachable"), (429, "rate_limited"), (418, "registry_refuses")]
)
def test_a_sign_in_service_that_fails(status: int, code: str, registry: FakeRegistry, connect: Connect) -> None:
    registry.push_image("team/app", "1.0")
    registry.fault("/token", status=status)
    with pytest.raises(PullFailed) as refusal:
        pull(connect(registry), "team/app")
    assert named(refusal) == (code, "sign_in", registry.host)
    assert refusal.value.words.text.startswith(f"The sign-in service of the registry {registry.host}")


def test_a_sign_in_service_that_cant_be_reached(registry: FakeRegistry, connect: Connect) -> None:
    port = closed_port()
    registry.realm = f"http://127.0.0.1:{port}/token"
    with pytest.raises(PullFailed) as refusal:
        pull(connect(registry), "team/app")
    assert named(refusal) == ("registry_unreachable", "sign_in", f"127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("error", "code"), [(socket.EAI_NONAME, "host_unknown"), (socket.EAI_AGAIN, "resolver_failed")]
)
def test_a_storage_whose_name_is_not_found(error: int, code: str, registry: FakeRegistry, connect: Connect) -> None:
    """podman#16342 for the storage: the CDN's name in a resolver that is away."""

    def resolver(host: str, port: int) -> list[tuple[str, int]]:
        if host == "127.0.0.1":
            return [(host, port)]
        raise socket.gaierror(error, "x")

    registry.push_image("team/app", "1.0")
    registry.fault("/blobs/", redirect="http://cdn.example/x")
    guard = AddressGuard([ip_network("127.0.0.0/8")], resolver=resolver)
    with pytest.raises(PullFailed) as refusal:
        pull(connect(registry, guard=guard), "team/app")
    assert named(refusal) == (code, "storage", "cdn.example")
