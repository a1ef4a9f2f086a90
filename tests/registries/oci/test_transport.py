"""TLS, names and the environment: what connections are made of."""

from __future__ import annotations

import errno
import http.client
import socket
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import Never

import pytest

from registries.failures import HostNotAllowed, RegistryUnreachable, TlsInvalid
from registries.oci.address_guard import AddressGuard
from registries.oci.timeouts import Timeouts
from registries.oci.transport import Session, tls_context
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
        where = {"host": NAME, "service": "registry", "met": NAME}
        assert refusal.value.params == {**where, "case": "unknown_authority"}
        assert registry.seen == []


def test_an_authority_of_one_registry_is_not_trusted_for_another(
    authority: Authority, tmp_path: Path, connect: Connect
) -> None:
    """Sessions without authorities of their own share one context. No session adds to it, and none is mixed up."""
    another = Authority(tmp_path, "Another authority")
    with serve(authority.issue(NAME)) as registry:
        guard = named(registry.port)
        given: list[dict[str, object]] = [
            {"ca": authority.ca_file.read_text(), "ca_file": another.ca_file},
            {"ca": another.ca_file.read_text(), "ca_file": authority.ca_file},
        ]
        for options in given:
            pull(connect(NAME, guard=guard, **options), "team/app")
        asked = len(registry.seen)
        refused: list[dict[str, object]] = [{}, {"ca": another.ca_file.read_text()}, {"ca_file": another.ca_file}, {}]
        for options in refused:
            with pytest.raises(TlsInvalid):
                connect(NAME, guard=guard, **options).connect()
        assert len(registry.seen) == asked


def test_authorities_add_to_the_public_ones_which_are_read_once(authority: Authority) -> None:
    public = tls_context()
    authorities = public.cert_store_stats()["x509_ca"]

    assert tls_context() is public
    assert authorities > 100
    for more in (tls_context(ca=authority.ca_file.read_text()), tls_context(authority.ca_file)):
        assert more is not public
        assert more.cert_store_stats()["x509_ca"] == authorities + 1
    assert public.cert_store_stats()["x509_ca"] == authorities


@pytest.mark.parametrize("names", [["other.example"], ["127.0.0.1"], ["*.example.org"]])
def test_the_certificate_must_bear_the_name(names: list[str], authority: Authority, connect: Connect) -> None:
    with serve(authority.issue(*names)) as registry:
        with pytest.raises(TlsInvalid):
            pull(connect(NAME, guard=named(registry.port), ca_file=authority.ca_file), "team/app")
        assert registry.seen == []


def test_a_self_signed_certificate(authority: Authority, connect: Connect) -> None:
    """It is refused until it is itself what is trusted."""
    certificate, key = authority.issue(NAME, self_signed=True)
    with serve((certificate, key)) as registry:
        for trusted in (None, authority.ca_file):
            with pytest.raises(TlsInvalid) as refusal:
                pull(connect(NAME, guard=named(registry.port), ca_file=trusted), "team/app")
            assert refusal.value.raw == "certificate 18"
        assert registry.seen == []
        pull(connect(NAME, guard=named(registry.port), ca_file=certificate), "team/app")


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


def test_an_http_token_service_of_an_https_registry_is_asked_over_https(authority: Authority, connect: Connect) -> None:
    """goharbor/harbor#3933."""
    with FakeRegistry(auth="bearer", users={"alice": "wonderland"}, tls=authority.issue(NAME)) as registry:
        registry.realm = f"http://{NAME}/token"
        guard = AddressGuard([ip_network("127.0.0.1/32")], resolver=_outside(registry.port))
        client = connect(NAME, guard=guard, ca_file=authority.ca_file)
        client.connect()
        client.authenticate("team/app")
        assert [(one.path, one.kind) for one in registry.seen] == [("/v2/", ""), ("/token", "basic")]


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


def test_public_addresses_are_for_tls_only(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []

    def refuse(self: socket.socket, address: object) -> None:
        tried.append((address, self.gettimeout()))
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", refuse)
    session = Session(NAME, AddressGuard(resolver=lambda host, port: [("8.8.8.8", port)]))
    with pytest.raises(RegistryUnreachable) as refusal:
        session.get(f"https://{NAME}/v2/")
    assert refusal.value.raw == "refused"
    with pytest.raises(HostNotAllowed):
        session.get(f"http://{NAME}:5000/v2/")
    assert tried == [(("8.8.8.8", 443), 10)]


@pytest.mark.parametrize("tls", [False, True])
def test_the_time_of_headers_is_limited_and_that_of_a_body_is_not(
    tls: bool, authority: Authority, loopback: AddressGuard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two responses on one connection: the body of the first one takes an hour, the headers of the second one a minute
    and more."""
    now = [0.0]
    for module in ("connections", "deadline_sockets"):
        monkeypatch.setattr(f"registries.oci.{module}.time", SimpleNamespace(monotonic=lambda: now[0]))

    def drip() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nX: "
        for _ in range(50):
            registry.closing.wait(0.01)
            now[0] += 30
            yield b"y"

    with FakeRegistry(tls=authority.issue("127.0.0.1") if tls else None) as registry:
        session = Session(registry.host, loopback, authority.ca_file)
        registry.fault("/slow", status=200, body=b"x" * 1000)
        registry.fault("/drip", raw=drip())
        slow = session.get(f"{registry.url}/slow")
        now[0] += 3600
        assert slow.read(1000) == b"x" * 1000
        with pytest.raises(RegistryUnreachable) as refusal:
            session.get(f"{registry.url}/drip")
        assert refusal.value.raw == "timeout"
        session.close()


def test_every_request_asks_for_the_bytes_as_they_are(registry: FakeRegistry, loopback: AddressGuard) -> None:
    session = Session(registry.host, loopback)
    registry.fault("/x", status=200, body=b"x")
    assert session.get(f"{registry.url}/x").read(10) == b"x"
    session.head(f"{registry.url}/x").close()
    session.post(f"{registry.url}/x", b"", {}).close()
    for seen in registry.seen:
        names = ("accept-encoding", "user-agent", "accept")
        assert [seen.headers[name] for name in names] == ["identity", "drayage/1", "*/*"]
    session.close()


def test_closing_closes_the_connections_that_are_kept(
    registry: FakeRegistry, loopback: AddressGuard, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[socket.socket] = []
    really = AddressGuard.connect

    def connect(self: AddressGuard, host: str, port: int, timeout: float | None, *, plain: bool) -> socket.socket:
        opened.append(really(self, host, port, timeout, plain=plain))
        return opened[-1]

    monkeypatch.setattr(AddressGuard, "connect", connect)
    registry.fault("/x", status=200, body=b"x")
    session = Session(registry.host, loopback)
    assert session.get(f"{registry.url}/x").read(10) == b"x"
    assert opened[0].fileno() != -1
    session.close()
    assert [each.fileno() for each in opened] == [-1]


def test_abort_ends_what_is_being_read(registry: FakeRegistry, loopback: AddressGuard) -> None:
    registry.fault("/stalls", status=200, body=b"x" * 100, stall_after=10)
    session = Session(registry.host, loopback)
    first, second = session.get(f"{registry.url}/stalls"), session.get(f"{registry.url}/stalls")
    second.close()
    session.abort()  # of which one is closed already
    with pytest.raises(RegistryUnreachable) as refusal:
        first.read(100)
    assert refusal.value.raw == "RemoteEndedEarly"


def test_no_limit_of_time_is_left_out() -> None:
    limits = Timeouts()
    assert (limits.connect, limits.read, limits.head, limits.document) == (10, 30, 60, 60)
    assert (limits.rate, limits.rate_window) == (8000, 30)
    assert {limits} == {Timeouts(10, 30, 60, 60, 8000, 30)}, "threads share it, and nobody changes it"


def test_cookies_are_not_kept(registry: FakeRegistry, connect: Connect) -> None:
    registry.fault("/v2/", headers={"Set-Cookie": "a=b"})
    registry.push_image("team/app", "1.0")
    pull(connect(registry), "team/app")
    assert not [one for one in registry.seen if "cookie" in one.headers]


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(errno.ECONNRESET, "reset"),  # with its number, as the system raises it
        http.client.BadStatusLine("x"),
        ValueError("x"),
    ],
    ids=["reset", "http", "value"],
)
def test_a_connection_that_fails_while_it_is_made(error: Exception, connect: Connect) -> None:
    class Failing(AddressGuard):
        def connect(self, *where: object, **how: object) -> Never:
            raise error

    with pytest.raises(RegistryUnreachable):
        pull(connect("127.0.0.1:5000", guard=Failing([ip_network("127.0.0.0/8")])), "team/app")
