"""HTTP connections whose sockets the address guard opens, and the pools that keep them.

A kept connection that turns out to be dead is replaced once, without anybody noticing: a server may close one at the
moment that the next request arrives (RFC 9112, section 9.3.1). Interim responses (1xx) are skipped here.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING
from weakref import WeakSet

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from registries.failures import HostNotAllowed
from registries.oci.address_guard import AddressGuard
from registries.oci.deadline_sockets import DeadlineSocket, DeadlineTlsSocket

if TYPE_CHECKING:
    from urllib3._base_connection import _TYPE_BODY
    from urllib3.response import BaseHTTPResponse, HTTPResponse

MAX_THREADS = 16
MAX_ORIGINS = 8
MAX_INTERIM_RESPONSES = 16

_REPEATABLE = frozenset({"GET", "HEAD"})
_REQUEST_TIMEOUT = 408
"""What some servers say on a connection that was idle for too long, to whoever sends the next request."""


class OpenSockets:
    """The sockets of one session. `abort` ends them from any thread."""

    def __init__(self) -> None:
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._lock = threading.Lock()
        self.is_aborted = False

    def add(self, opened: socket.socket) -> None:
        """Remember a socket. Raises `ConnectionAbortedError` after `abort`."""
        with self._lock:
            self._sockets.add(opened)
        self.check()

    def check(self) -> None:
        """Raise `ConnectionAbortedError` after `abort`."""
        if self.is_aborted:
            raise ConnectionAbortedError("the session was aborted")

    def abort(self) -> None:
        """End all sockets. Reads that wait on one fail, and none is opened any more."""
        self.is_aborted = True
        with self._lock:
            opened = list(self._sockets)
        for each in opened:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


class _FinalResponse(http.client.HTTPResponse):
    """Skips interim responses, such as 103 (Early Hints). http.client skips 100 and takes others for final."""

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(MAX_INTERIM_RESPONSES + 1):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                break  # which nobody asked for
            if status >= http.HTTPStatus.OK:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.BadStatusLine("interim responses without a final one")


def guarded_manager(
    guard: AddressGuard, context: ssl.SSLContext, head_seconds: float, sockets: OpenSockets
) -> PoolManager:
    """Return pools for all origins. Requests are made with `urlopen(method, "", target=…)`, which sends the target as
    it is: urllib3 would normalise it, and signed addresses would no longer be valid."""
    manager = PoolManager(MAX_ORIGINS, maxsize=MAX_THREADS, cert_reqs="CERT_REQUIRED", ssl_context=context)
    manager.pool_classes_by_scheme = _guarded_pools(guard, head_seconds, sockets)
    return manager


def _guarded_pools(
    guard: AddressGuard, head_seconds: float, sockets: OpenSockets
) -> dict[str, type[HTTPConnectionPool]]:
    class Guarded(HTTPConnection):
        plain = True
        response_class = _FinalResponse

        def _new_conn(self) -> DeadlineSocket:
            sockets.check()
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
            sockets.add(opened)
            response = super().getresponse()
            opened.deadline = float("inf")
            response.deadline_socket = opened  # type: ignore[attr-defined]
            return response

    class GuardedTls(Guarded, HTTPSConnection):
        plain = False

    class Repeating(HTTPConnectionPool):
        """Sends `target` as it is, and a GET or HEAD a second time where a kept connection was dead."""

        def _make_request(  # type: ignore[override]
            self, conn: HTTPConnection, method: str, url: str, *, target: str, **options: object
        ) -> BaseHTTPResponse:
            may_repeat = not conn.is_closed and method in _REPEATABLE
            try:
                response = super()._make_request(conn, method, target, **options)  # type: ignore[arg-type]
                if not may_repeat or response.status != _REQUEST_TIMEOUT:
                    return response
                response.close()  # with its connection, which it would otherwise close when it is forgotten
            except (ConnectionError, ssl.SSLError):
                if not may_repeat or sockets.is_aborted:
                    raise
            conn.close()
            return super()._make_request(conn, method, target, **options)  # type: ignore[arg-type]

    class Pool(Repeating):
        ConnectionCls = Guarded

    class TlsPool(Repeating, HTTPSConnectionPool):
        ConnectionCls = GuardedTls

    return {"http": Pool, "https": TlsPool}
