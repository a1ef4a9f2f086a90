"""Single requests over checked connections.

No redirects, cookies, proxies or `.netrc`; certificates are always verified, and the path and query of an address go
out as they are. Exceptions of the transport become failures here, without their context, because it contains the
Authorization header. `registries.oci.errors` decides what a response means.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import certifi
from urllib3 import HTTPHeaderDict, Timeout
from urllib3.exceptions import HTTPError

from registries.failures import HostNotAllowed, PullFailed, Service, Where
from registries.oci import location
from registries.oci.address_guard import ADDRESS_FAILURES, AddressGuard, named_failure
from registries.oci.connection_errors import transport_failure
from registries.oci.connections import OpenSockets, guarded_manager
from registries.oci.deadline_sockets import DeadlineTlsSocket
from registries.oci.location import Location
from registries.oci.responses import Response
from registries.oci.timeouts import Timeouts

if TYPE_CHECKING:
    from urllib3.response import HTTPResponse

Headers = Mapping[str, str | Sequence[str]]
"""Headers of a request by name. Each value of a sequence gets a line of its own."""

_HEADERS = {"User-Agent": "drayage/1", "Accept-Encoding": "identity", "Accept": "*/*"}


class Authorization(Protocol):
    """What an Authorization header is made from. Its `repr` hides the secret."""

    @property
    def header(self) -> str: ...


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
        self._sockets = OpenSockets()
        self._pools = guarded_manager(guard, tls_context(ca_file, ca), self.timeouts.head, self._sockets)

    def get(
        self,
        url: str,
        headers: Headers | None = None,
        authorization: Authorization | None = None,
        *,
        service: Service = Service.REGISTRY,
    ) -> Response:
        """Send one GET.

        Raises a failure of the connection: `HostUnknown`, `ResolverFailed`, `HostNotAllowed`, `TlsInvalid` or
        `RegistryUnreachable`; no status raises.
        """
        return self._send("GET", url, service, headers, authorization)

    def head(
        self, url: str, authorization: Authorization | None = None, *, service: Service = Service.REGISTRY
    ) -> Response:
        """Send one HEAD. Raises like `get`."""
        return self._send("HEAD", url, service, None, authorization)

    def post(self, url: str, body: bytes, headers: Headers, *, service: Service = Service.REGISTRY) -> Response:
        """Send one POST. Raises like `get`."""
        return self._send("POST", url, service, headers, None, body)

    def _send(
        self,
        method: str,
        url: str,
        service: Service,
        headers: Headers | None,
        authorization: Authorization | None,
        body: bytes | None = None,
    ) -> Response:
        try:
            place = location.read(url)
        except location.LocationInvalid:
            raise HostNotAllowed(host=self._host, service=service) from None
        where: Where = {"host": self._host, "service": service, "met": place.authority}
        failure: PullFailed
        try:
            return Response(self._request(method, place, headers, authorization, body), where, self.timeouts)
        except ADDRESS_FAILURES as refusal:
            failure = named_failure(refusal, where)
        except (HTTPError, OSError, ValueError) as error:
            failure = transport_failure(error, self._host, service, place.authority)
        raise failure

    def _request(
        self,
        method: str,
        place: Location,
        headers: Headers | None,
        authorization: Authorization | None,
        body: bytes | None,
    ) -> HTTPResponse:
        sent = HTTPHeaderDict(_HEADERS)
        for name, value in (headers or {}).items():
            sent.discard(name)
            for line in [value] if isinstance(value, str) else value:
                sent.add(name, line)
        if authorization is not None:
            sent["Authorization"] = authorization.header
        self._sockets.check()
        pool = self._pools.connection_from_host(place.host.strip("[]"), place.port, place.scheme)
        response: HTTPResponse = pool.urlopen(  # type: ignore[assignment]
            method,
            "/",
            body=body,
            headers=sent,
            retries=False,
            redirect=False,
            assert_same_host=False,
            timeout=Timeout(connect=self.timeouts.connect, read=self.timeouts.read),
            preload_content=False,
            decode_content=False,
            target=place.target,
        )
        return response

    def close(self) -> None:
        self._pools.clear()

    def abort(self) -> None:
        """End all connections, from any thread. Reads that wait on one fail, and so does every later request."""
        self._sockets.abort()


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
