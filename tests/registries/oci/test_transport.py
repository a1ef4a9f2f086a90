"""TLS, names and the environment: what connections are made of."""

from __future__ import annotations

import errno
from ipaddress import ip_network
from pathlib import Path
from typing import Never

import pytest

from registries.failures import HostNotAllowed, RegistryUnreachable, TlsInvalid
from registries.oci.address_guard import AddressGuard
from tests.support.fakes.certificates import Authority
from tests.support.fakes.registry import FakeRegistry

from .conftest import HASTY, Connect, pull

NAME = "registry.example"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def named(port: int) -> AddressGuard:
    """As if DNS knew `registry.example`, at a port that needs no root."""
    return AddressGuard([ip_network("127.0.0.0/8")], resolver=lambda host, _: [("127.0.0.1", port)])


def serve(files: tuple[Path, Path]) -> FakeRegistry:
    registry = FakeRegistry(auth="basic", users={"alice": "wonderland"}, tls=files)
    registry.push_image("team/app", "1.0", [b"x" * 300_000])
    return registry


def test_a_private_authority_is_trusted_where_it_was_added(authority: Authority, connect: Connect) -> None:
    with serve(authority.issue(NAME)) as registry:
        client = connect(NAME, guard=named(registry.port), ca_file=authority.ca_file)
        pull(client, "team/app")
        assert registry.seen[0].headers["host"] == NAME


def test_without_it_nothing_is_sent(authority: Authority, connect: Connect) -> None:
    with serve(authority.issue(NAME)) as registry:
        with pytest.raises(TlsInvalid) as refusal:
            pull(connect(NAME, guard=named(registry.port)), "team/app")
        assert refusal.value.params == {"host": NAME}
        assert registry.seen == []


@pytest.mark.parametrize("names", [["other.example"], ["127.0.0.1"], ["*.example.org"]])
def test_the_certificate_must_bear_the_name(names: list[str], authority: Authority, connect: Connect) -> None:
    with serve(authority.issue(*names)) as registry:
        with pytest.raises(TlsInvalid):
            pull(connect(NAME, guard=named(registry.port), ca_file=authority.ca_file), "team/app")
        assert registry.seen == []


def test_an_expired_certificate(authority: Authority, connect: Connect) -> None:
    with serve(authority.issue(NAME, expired=True)) as registry, pytest.raises(TlsInvalid):
        pull(connect(NAME, guard=named(registry.port), ca_file=authority.ca_file), "team/app")


def test_an_address_instead_of_a_name(authority: Authority, connect: Connect, loopback: AddressGuard) -> None:
    with serve(authority.issue("127.0.0.1")) as registry:
        pull(connect(registry, ca_file=authority.ca_file), "team/app")


def test_from_https_to_http_no_redirect_is_followed(
    authority: Authority, elsewhere: FakeRegistry, connect: Connect
) -> None:
    with serve(authority.issue("127.0.0.1")) as registry:
        registry.redirect_blobs_to(elsewhere)
        with pytest.raises(RegistryUnreachable):
            pull(connect(registry, ca_file=authority.ca_file), "team/app")
        assert elsewhere.seen == []


def test_from_https_to_https_elsewhere_without_authorization(authority: Authority, connect: Connect) -> None:
    files = authority.issue("127.0.0.1")
    with serve(files) as registry, FakeRegistry(tls=files) as storage:
        registry.redirect_blobs_to(storage)
        pull(connect(registry, ca_file=authority.ca_file), "team/app")
        assert {one.kind for one in storage.seen} == {""}


def test_an_http_token_service_of_an_https_registry_outside_is_not_asked(
    authority: Authority, elsewhere: FakeRegistry, connect: Connect
) -> None:
    with FakeRegistry(auth="bearer", users={"alice": "wonderland"}, tls=authority.issue(NAME)) as registry:
        registry.realm = f"http://{NAME}/token"
        guard = AddressGuard([ip_network("127.0.0.1/32")], resolver=_outside(registry.port))
        client = connect(NAME, guard=guard, ca_file=authority.ca_file)
        client.connect()
        with pytest.raises(HostNotAllowed):
            client.authenticate("team/app")
        assert len(registry.seen) == 1


def _outside(port: int):  # type: ignore[no-untyped-def]
    """Loopback for TLS; an address of the public internet for plain HTTP."""
    return lambda _, asked: [("127.0.0.1", port)] if asked == 443 else [("8.8.8.8", 80)]


def test_plain_http_only_where_tls_is_not_spoken_at_all(connect: Connect) -> None:
    with FakeRegistry() as registry:
        registry.push_image("team/app", "1.0")
        pull(connect(registry), "team/app")
        assert {one.kind for one in registry.seen} == {""}
    with pytest.raises(RegistryUnreachable):
        connect(registry).connect()


def test_a_host_that_never_answers(connect: Connect) -> None:
    with FakeRegistry() as registry:
        registry.fault("/v2/", delay=20)
        with pytest.raises(RegistryUnreachable) as refusal:
            connect(registry, timeouts=HASTY).connect()
        assert refusal.value.raw == "timeout"


def test_the_environment_sends_nothing_anywhere(
    registry: FakeRegistry, elsewhere: FakeRegistry, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login mallory password stolen\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, elsewhere.url)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(netrc))
    registry.public.add("team/app")
    registry.push_image("team/app", "1.0")
    pull(connect(registry, login=None), "team/app")
    assert elsewhere.seen == []
    assert not [one for one in registry.seen if one.kind == "basic"]


def test_cookies_are_not_kept(registry: FakeRegistry, connect: Connect) -> None:
    registry.fault("/v2/", headers={"Set-Cookie": "a=b"})
    registry.push_image("team/app", "1.0")
    pull(connect(registry), "team/app")
    assert not [one for one in registry.seen if "cookie" in one.headers]


def test_a_connection_that_is_reset_while_it_is_made(connect: Connect) -> None:
    class Resetting(AddressGuard):
        def connect(self, *where: object, **how: object) -> Never:
            raise ConnectionResetError(errno.ECONNRESET, "reset")  # with its number, as the system raises it

    with pytest.raises(RegistryUnreachable):
        pull(connect("127.0.0.1:5000", guard=Resetting([ip_network("127.0.0.0/8")])), "team/app")
