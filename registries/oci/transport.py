"""Single requests over checked connections, with undecoded responses.

No redirects, cookies, proxies or `.netrc`; certificates are always verified. Exceptions of the transport become
failures here, without their context, because requests' exceptions contain the Authorization header.
`registries.oci.errors` decides what a response means.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

import certifi
import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from registries.failures import HostNotAllowed, PullFailed, RegistryUnreachable
from registries.oci.address_guard import AddressGuard
from registries.oci.deadline_sockets import DeadlineSocket, DeadlineTlsSocket
from registries.oci.errors import transport_failure

if TYPE_CHECKING:
    from urllib3.response import HTTPResponse

MAX_THREADS = 16
_CHUNK = 64 * 1024
_HEAD_BUFFER = io.DEFAULT_BUFFER_SIZE
"""At least the size of the buffer through which http.client reads headers. A read that long empties it."""
_MAX_FILL_SECONDS = 0.25


@dataclass(frozen=True)
class Timeouts:
    """How long a registry may take, in seconds, and the minimum rate of a body in bytes per second.

    `head` and `document` limit the headers and a whole short body; `rate` is measured over each `rate_window`.
    """

    connect: float = 10.0
    read: float = 30.0
    head: float = 60.0
    document: float = 60.0
    rate: int = 1024
    rate_window: float = 30.0


class Response:
    """A response whose body is not read yet. Close it, or read it to its end."""

    def __init__(self, response: requests.Response, host: str, timeouts: Timeouts) -> None:
        raw: HTTPResponse = response.raw
        self.status = response.status_code
        self.headers = response.headers
        self.url = response.url or ""
        self._raw = raw
        self._body: http.client.HTTPResponse = raw._original_response  # type: ignore[assignment]
        self._socket: DeadlineSocket | DeadlineTlsSocket = raw.deadline_socket  # type: ignore[attr-defined]
        self._host = host
        self._timeouts = timeouts
        self._drained = False

    @property
    def length(self) -> int | None:
        """The announced bytes that are still to come; None if the length was not announced."""
        return self._body.length

    def readinto1(self, buffer: memoryview) -> int:
        """Read into `buffer` what arrives within a short time; return the number of bytes, 0 at the end.

        Raises `RegistryUnreachable` on timeouts, on resets, and when the body ends before the announced length.
        """
        try:
            return self._readinto1(buffer)
        except ssl.SSLError:
            failure = transport_failure(ConnectionResetError(), self._host)
        except (OSError, http.client.HTTPException, ValueError) as error:
            failure = transport_failure(error, self._host)
        self.close()
        raise failure

    def read(self, limit: int) -> bytes | None:
        """Return the whole body, or None if it is longer than `limit` bytes. `Timeouts.document` limits its time."""
        body = bytearray()
        chunk = memoryview(bytearray(_CHUNK))
        deadline = time.monotonic() + self._timeouts.document
        if self.length is not None and self.length > limit:
            self.close()
            return None
        while count := self.readinto1(chunk):
            body += chunk[:count]
            if len(body) > limit:
                self.close()
                return None
            if time.monotonic() > deadline:
                self.close()
                raise transport_failure(TimeoutError(), self._host)
        return bytes(body)

    def _fill(self, view: memoryview) -> int:
        """Read at least once, and again while more arrives. A transfer is thousands of short reads, so they bypass
        http.client and go to the socket once the buffer of the headers is empty."""
        fp = self._body.fp
        if not self._drained:
            self._drained = len(view) >= _HEAD_BUFFER
            return int(fp.readinto1(view))
        filled, end = 0, time.monotonic() + _MAX_FILL_SECONDS
        while filled < len(view):
            try:
                count = self._socket.recv_into(view[filled:])
            except OSError:
                if not filled:
                    raise
                break  # return what arrived; the next read raises the error again
            filled += count
            if not count or time.monotonic() > end:
                break
        return filled

    def close(self) -> None:
        """Close the connection, or return it to the pool if the body was read to its end."""
        if self._body.isclosed():
            self._raw.release_conn()
        else:
            self._raw.close()

    def _readinto1(self, buffer: memoryview) -> int:
        body = self._body
        if body.isclosed():
            return 0
        if body.chunked:
            # Chunk headers and trailers are lines without a length limit, so their time is limited.
            self._socket.deadline = time.monotonic() + self._timeouts.head
            data = body.read1(len(buffer))
            buffer[: len(data)] = data
            count = len(data)
        elif body.length is None:
            count = body.fp.readinto1(buffer)
        else:
            count = self._fill(buffer[: body.length]) if body.length else 0
            if count == 0 and body.length:
                raise RemoteEndedEarly
            body.length -= count
        if count == 0 or body.length == 0:
            body.close()
            self._raw.release_conn()
        return count


class RemoteEndedEarly(http.client.HTTPException):
    """The connection ended before the announced length."""


class Session:
    """Connections to one registry and to the hosts that it redirects to. Shared by threads.

    Failures name the registry as `host`, whichever host was asked. `ca_file` and `ca` (PEM) add authorities to the
    public ones.
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

    def get(self, url: str, headers: dict[str, str] | None = None, authorization: AuthBase | None = None) -> Response:
        """Send one GET. Raises `HostNotAllowed`, `TlsInvalid` or `RegistryUnreachable`; no status raises."""
        return self._send("GET", url, headers=headers, auth=authorization)

    def head(self, url: str, authorization: AuthBase | None = None) -> Response:
        """Send one HEAD. Raises like `get`."""
        return self._send("HEAD", url, auth=authorization)

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> Response:
        """Send one POST. Raises like `get`."""
        return self._send("POST", url, headers=headers, data=body)

    def _send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        auth: AuthBase | None = None,
        data: bytes | None = None,
    ) -> Response:
        failure: PullFailed
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
        except HostNotAllowed:
            failure = HostNotAllowed(host=self._host)
        except (requests.RequestException, OSError, http.client.HTTPException, ValueError) as error:
            failure = transport_failure(error, self._host)
        else:
            response = Response(sent, self._host, self.timeouts)
            is_unread = method == "POST"  # only the status of its response is used
            if is_unread or response.headers.get("Content-Encoding", "identity").strip().lower() == "identity":
                return response
            response.close()
            failure = RegistryUnreachable(host=self._host, reason="it compressed its answer though it was asked not to")
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
    context = ssl.create_default_context(cafile=certifi.where())
    context.sslsocket_class = DeadlineTlsSocket
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    if ca:
        context.load_verify_locations(cadata=ca)
    return context


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
            return guard.connect(self.host, self.port or 0, self.timeout, plain=self.plain)

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
