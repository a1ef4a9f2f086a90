"""Single requests over checked connections.

No redirects, cookies, proxies or `.netrc`; certificates are always verified. Exceptions of the transport become
failures here, without their context, because requests' exceptions contain the Authorization header.
`registries.oci.errors` decides what a response means.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from weakref import WeakSet

import certifi
import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from registries.failures import HostNotAllowed, PullFailed, RegistryUnreachable, Service, Where
from registries.oci.address_guard import ADDRESS_FAILURES, AddressGuard, named_failure
from registries.oci.connection_errors import transport_failure
from registries.oci.deadline_sockets import DeadlineSocket, DeadlineTlsSocket
from registries.oci.responses import Response
from registries.oci.timeouts import Timeouts

if TYPE_CHECKING:
    from urllib3._base_connection import _TYPE_BODY
    from urllib3.response import HTTPResponse

MAX_THREADS = 16


class Session:
    """Connections to one registry and to the hosts that it redirects to. Shared by threads.

    Failures name the registry as `host`, which of its services was asked as `service`, and the `host[:port]` that was
    asked as `met`. `ca_file` and `ca` (PEM) add authorities to the public ones.
    """

    def __init__(
        self,
        host: str,
        guard: AddressGuard,
        ca_file: Path | None = None,
        timeouts: Timeouts | None = None,
        ca: str = "",
    ) -> None:
        self._host = host
        self.timeouts = timeouts or Timeouts()
        self._requests = requests.Session()
        self._requests.trust_env = False
        self._requests.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._requests.headers.clear()
        self._requests.headers.update({"User-Agent": "drayage/1", "Accept-Encoding": "identity", "Accept": "*/*"})
        self._connected: WeakSet[socket.socket] = WeakSet()
        adapter = _CheckedAdapter(guard, tls_context(ca_file, ca), self.timeouts, self._connected.add)
        self._requests.mount("https://", adapter)
        self._requests.mount("http://", adapter)

    def get(
        self,
        url: str,
        headers: dict[str, str] | None = None,
        authorization: AuthBase | None = None,
        *,
        service: Service = Service.REGISTRY,
    ) -> Response:
        """Send one GET. Raises a failure of the connection: `HostUnknown`, `ResolverFailed`, `HostNotAllowed`,
        `TlsInvalid` or `RegistryUnreachable`; no status raises."""
        return self._send("GET", url, service, headers=headers, auth=authorization)

    def head(self, url: str, authorization: AuthBase | None = None, *, service: Service = Service.REGISTRY) -> Response:
        """Send one HEAD. Raises like `get`."""
        return self._send("HEAD", url, service, auth=authorization)

    def post(self, url: str, body: bytes, headers: dict[str, str], *, service: Service = Service.REGISTRY) -> Response:
        """Send one POST. Raises like `get`."""
        return self._send("POST", url, service, headers=headers, data=body)

    def _send(
        self,
        method: str,
        url: str,
        service: Service,
        *,
        headers: Mapping[str, str] | None = None,
        auth: AuthBase | None = None,
        data: bytes | None = None,
    ) -> Response:
        failure: PullFailed
        where: Where = {"host": self._host, "service": service, "met": _authority(url)}
        try:
            sent = self._requests.request(
                method,
                url,
                headers=headers,
                auth=auth,
                data=data,
                stream=True,
                allow_redirects=False,
                timeout=(self.timeouts.connect, self.timeouts.read),
            )
        except ADDRESS_FAILURES as refusal:
            failure = named_failure(refusal, where)
        except (OSError, ValueError) as error:  # requests' own exceptions are OSErrors, and wrap http.client's
            failure = transport_failure(error, self._host, service, where["met"])
        else:
            response = Response(sent, where, self.timeouts)
            is_unread = method == "POST"  # only the status of its response is used
            if is_unread or response.headers.get("Content-Encoding", "identity").strip().lower() == "identity":
                return response
            response.close()
            reason = "it compressed its answer though it was asked not to"
            failure = RegistryUnreachable(case="answer", reason=reason, **where)
        raise failure

    def close(self) -> None:
        self._requests.close()

    def abort(self) -> None:
        """End all connections, from any thread. Reads that wait on one fail."""
        for connection in list(self._connected):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def tls_context(ca_file: Path | None = None, ca: str = "") -> ssl.SSLContext:
    """Return a context that verifies against the public authorities and those in `ca_file` and `ca` (PEM)."""
    if ca_file is None and not ca:
        return _public_context()
    context = _new_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    if ca:
        context.load_verify_locations(cadata=ca)
    return context


@cache
def _public_context() -> ssl.SSLContext:
    """One for all sessions of the process: reading the public authorities takes 40 ms of a core."""
    return _new_context()


def _new_context() -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certifi.where())
    context.sslsocket_class = DeadlineTlsSocket
    return context


def _authority(url: str) -> str:
    """Return `host[:port]` of an address, without the port that its scheme has anyway."""
    parts = urlsplit(url)
    return parts.netloc.lower().removesuffix({"https": ":443", "http": ":80"}.get(parts.scheme, ":"))


class _CheckedAdapter(HTTPAdapter):
    """An adapter for requests whose connections are opened by the guard."""

    def __init__(
        self,
        guard: AddressGuard,
        context: ssl.SSLContext,
        timeouts: Timeouts,
        on_connected: Callable[[socket.socket], None],
    ) -> None:
        self._guard = guard
        self._on_connected = on_connected
        self._context = context
        self._timeouts = timeouts
        super().__init__(pool_connections=8, pool_maxsize=MAX_THREADS)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: object) -> None:
        self.poolmanager = PoolManager(connections, maxsize=maxsize, block=block, ssl_context=self._context)
        self.poolmanager.pool_classes_by_scheme = _guarded_pools(self._guard, self._timeouts.head, self._on_connected)

    def cert_verify(self, conn: object, url: object, verify: object, cert: object) -> None:
        """Do nothing: our context has the authorities, and requests would add its own to every connection."""


def _guarded_pools(
    guard: AddressGuard, head_seconds: float, on_connected: Callable[[socket.socket], None]
) -> dict[str, type[HTTPConnectionPool]]:
    class Guarded(HTTPConnection):
        plain = True

        def _new_conn(self) -> DeadlineSocket:
            return guard.connect(self.host, self.port, self.timeout, plain=self.plain)

        def request(  # type: ignore[override]
            self,
            method: str,
            url: str,
            body: _TYPE_BODY | None = None,
            headers: Mapping[str, str] | None = None,
            *,
            chunked: bool = False,
            preload_content: bool = True,
            decode_content: bool = True,
            enforce_content_length: bool = True,
        ) -> None:
            """Send a request. Raises HostNotAllowed instead of sending credentials unencrypted to an address that is
            not opened for it: the address that the socket is connected to, whatever the name resolves to now."""
            if self.plain and "authorization" in map(str.lower, headers or ()):
                if self.sock is None:
                    self.connect()
                peer, port = self.sock.getpeername()[:2]
                if not guard.allows_plain_credentials(ip_address(peer), port):
                    raise HostNotAllowed(host=self.host, case="plain")
            super().request(
                method,
                url,
                body,
                headers,
                chunked=chunked,
                preload_content=preload_content,
                decode_content=decode_content,
                enforce_content_length=enforce_content_length,
            )

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]
            opened: DeadlineSocket | DeadlineTlsSocket | None = self.sock  # type: ignore[assignment]
            if opened is None:  # reset while it was opened, which urllib3 ignores
                raise http.client.RemoteDisconnected("the connection was reset")
            opened.deadline = time.monotonic() + head_seconds
            on_connected(opened)
            response = super().getresponse()
            opened.deadline = float("inf")
            response.deadline_socket = opened  # type: ignore[attr-defined]
            return response

    class GuardedTls(Guarded, HTTPSConnection):
        plain = False

    class Pool(HTTPConnectionPool):
        ConnectionCls = Guarded

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = GuardedTls

    return {"http": Pool, "https": TlsPool}
