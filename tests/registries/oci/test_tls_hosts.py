"""Once TLS, always TLS: what a broken handshake leads to, and where credentials are never sent unencrypted.

The registry here answers unencrypted HTTP, and anything it likes to whoever begins TLS.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registries.failures import HostNotAllowed, PullFailed, RegistryUnreachable, TlsInvalid, describe
from registries.oci.address_guard import AddressGuard
from registries.oci.client import RegistryClient
from registries.oci.login import Login
from registries.oci.opened_networks import parse
from registries.oci.tls_hosts import TlsHosts, TlsHostsOfClient
from tests.registries.oci.conftest import Connect
from tests.support.fakes.registry import FakeRegistry

ALERT = b"\x15\x03\x03\x00\x02\x02\x28"
NO_TLS = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
LOGIN = Login("alice", "wonderland")


class Registry:
    """A registry that asks for Basic credentials. `tls` is what it sends to who begins TLS, None to reset."""

    def __init__(self, tls: bytes | None, *, breaks: int = 10**6) -> None:
        self.tls = tls
        self.breaks = breaks
        self.handshakes = 0
        self.heads: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def credentials(self) -> list[bytes]:
        """Requests with credentials that arrived unencrypted."""
        return [head for head in self.heads if b"authorization:" in head.lower()]

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection, contextlib.suppress(OSError):
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        head = connection.recv(4096)
        if head[:1] == b"\x16":
            self.handshakes += 1
            if self.tls is None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                connection.sendall(self.tls)
            return
        self.heads.append(head)
        status = b"200 OK" if b"authorization:" in head.lower() else b"401 Unauthorized"
        connection.sendall(
            b"HTTP/1.1 " + status + b'\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n'
            b"Connection: close\r\n\r\n"
        )

    def close(self) -> None:
        self._listener.close()


Serve = Callable[..., Registry]


@pytest.fixture
def serve() -> Iterator[Serve]:
    made: list[Registry] = []

    def start(tls: bytes | None) -> Registry:
        made.append(Registry(tls))
        return made[-1]

    yield start
    for registry in made:
        registry.close()


def sign_in(registry: Registry, networks: str, hosts: TlsHosts | None = None) -> None:
    """Take the steps of a pull up to its credentials. 127.0.0.1 stands for another address where it isn't loopback."""
    guard = AddressGuard(parse(networks))
    with RegistryClient(registry.host, login=LOGIN, guard=guard, tls_hosts=hosts) as client:
        client.connect()
        client.authenticate("team/app")


@pytest.fixture
def loopback_is_private(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback is treated like any private network."""
    monkeypatch.setattr("registries.oci.opened_networks.IPv4Address.is_loopback", False)


@pytest.mark.parametrize("networks", ["127.0.0.0/8", "127.0.0.1", "127.0.0.0/8 plain", "127.0.0.0/8 1-65535 plain"])
@pytest.mark.parametrize("tls", [NO_TLS, b"<!DOCTYPE HTML>", b"", None])
def test_a_registry_without_tls_is_asked_unencrypted_where_that_is_open(
    serve: Serve, networks: str, tls: bytes | None
) -> None:
    registry = serve(tls)
    sign_in(registry, networks)
    assert len(registry.credentials) == 1


@pytest.mark.parametrize("networks", ["127.0.0.0/8", "127.0.0.0/8 plain"])
@pytest.mark.parametrize("tls", [ALERT, b"\x15\x03\x03\x00\x02\x02\x46", b"\x16\x03\x03\x00\x02\x02\x28" + ALERT])
def test_an_answer_of_tls_is_never_followed_by_unencrypted_http(serve: Serve, networks: str, tls: bytes) -> None:
    registry = serve(tls)
    with pytest.raises(RegistryUnreachable):
        sign_in(registry, networks)
    assert registry.heads == []


@pytest.mark.parametrize("tls", [NO_TLS, b"", None, b"\x00"])
def test_once_tls_always_tls(serve: Serve, tls: bytes | None) -> None:
    registry, hosts = serve(tls), TlsHostsOfClient()
    hosts.note(registry.host)

    with pytest.raises(TlsInvalid) as refused:
        sign_in(registry, "127.0.0.0/8 plain", hosts)

    assert registry.heads == []
    words = describe("tls_invalid", refused.value.params)
    assert words.title == "The registry no longer speaks TLS"
    assert registry.host in words.text


def test_another_port_of_the_host_is_another_host(serve: Serve) -> None:
    registry, hosts = serve(NO_TLS), TlsHostsOfClient()
    hosts.note("127.0.0.1")
    hosts.note("127.0.0.1:1")
    sign_in(registry, "127.0.0.0/8", hosts)
    assert registry.credentials


def test_a_host_is_remembered_once_it_has_proved_itself(tmp_path: Path, connect: Connect) -> None:
    from tests.support.fakes.certificates import Authority

    authority, hosts = Authority(tmp_path), TlsHostsOfClient()
    with FakeRegistry(tls=authority.issue("127.0.0.1")) as registry:
        with pytest.raises(TlsInvalid):
            connect(registry, tls_hosts=hosts).connect()
        assert not hosts.includes(registry.host), "a certificate that is not trusted proves nothing"
        connect(registry, tls_hosts=hosts, ca_file=authority.ca_file).connect()
        assert hosts.includes(registry.host)
        port = registry.port
    with FakeRegistry(port=port) as plain:
        with pytest.raises(TlsInvalid):
            connect(plain, tls_hosts=hosts).connect()
        assert plain.seen == []


@pytest.mark.parametrize("tls", [NO_TLS, b"<html>"])
def test_in_a_private_network_credentials_are_sent_unencrypted_only_where_it_says_plain(
    serve: Serve, loopback_is_private: None, tls: bytes
) -> None:
    registry = serve(tls)
    with pytest.raises(HostNotAllowed) as refused:
        sign_in(registry, "127.0.0.0/8")
    assert registry.heads, "anonymous requests are allowed"
    assert registry.credentials == []
    assert describe("host_not_allowed", refused.value.params).title == "The registry doesn't encrypt"

    sign_in(registry, "127.0.0.0/8 plain")
    assert registry.credentials


@pytest.mark.parametrize("tls", [b"", None])
def test_in_a_private_network_a_connection_that_breaks_off_is_a_failure(
    serve: Serve, loopback_is_private: None, tls: bytes | None
) -> None:
    registry = serve(tls)
    with pytest.raises(RegistryUnreachable):
        sign_in(registry, "127.0.0.0/8")
    assert registry.heads == []
    assert registry.handshakes == 2, "it may break off once"


@pytest.mark.parametrize("networks", ["127.0.0.0/8 tls", "127.0.0.0/8 tls, 10.0.0.0/8 plain"])
@pytest.mark.parametrize("tls", [NO_TLS, b"", None, ALERT])
def test_a_network_that_is_open_for_tls_only(serve: Serve, networks: str, tls: bytes | None) -> None:
    registry = serve(tls)
    with pytest.raises(PullFailed):
        sign_in(registry, networks)
    assert registry.heads == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_token_service_of_a_registry_with_tls_is_asked_over_tls(
    tmp_path: Path, connect: Connect, scheme: str
) -> None:
    from tests.support.fakes.certificates import Authority

    files = Authority(tmp_path)
    with (
        FakeRegistry(auth="bearer", users={"alice": "wonderland"}, tls=files.issue("127.0.0.1")) as registry,
        FakeRegistry(auth="bearer", users={"alice": "wonderland"}) as plain,
    ):
        registry.realm = f"{scheme}://127.0.0.1:{plain.port if scheme == 'http' else registry.port}/token"
        registry.push_image("team/app", "1.0")
        client = connect(registry, ca_file=files.ca_file)
        client.connect()
        if scheme == "https":
            client.authenticate("team/app")
        else:
            with pytest.raises(RegistryUnreachable):
                client.authenticate("team/app")
        assert plain.seen == []


def test_an_http_realm_whose_port_has_no_tls_is_the_operators_to_mend(
    tmp_path: Path, connect: Connect, serve: Serve
) -> None:
    """An Artifactory that names its port behind the proxy, http://HOST:8082: its address is right, and TLS is missing.
    Nothing is sent, and trying again mends nothing."""
    from tests.support.fakes.certificates import Authority

    files, plain = Authority(tmp_path), serve(NO_TLS)
    with FakeRegistry(auth="bearer", users={"alice": "wonderland"}, tls=files.issue("127.0.0.1")) as registry:
        registry.realm = f"http://{plain.host}/token"
        client = connect(registry, ca_file=files.ca_file)
        client.connect()
        with pytest.raises(HostNotAllowed) as refused:
            client.authenticate("team/app")
    assert (refused.value.params["case"], refused.value.params["met"]) == ("realm_plain", plain.host)
    assert (plain.heads, plain.handshakes) == ([], 1)


def test_a_token_service_that_has_spoken_tls_is_not_asked_without(connect: Connect) -> None:
    with FakeRegistry(auth="bearer", users={"alice": "wonderland"}) as registry:
        hosts = TlsHostsOfClient()
        hosts.note("127.0.0.1:9443")
        registry.realm = "http://127.0.0.1:9443/token"
        client = connect(registry, tls_hosts=hosts)
        client.connect()
        with pytest.raises(HostNotAllowed) as refused:
            client.authenticate("team/app")
    assert refused.value.raw == "realm without tls"
