"""The ping of a registry (GET `/v2/`): whether it speaks TLS, how it authenticates, and what a refusal means.

Distribution specification, "Determining Support". A refusal is no verdict where images are sent all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from registries.failures import (
    AccessDenied,
    ImageNotFound,
    PullFailed,
    RegistryRefuses,
    RegistryUnreachable,
    TlsInvalid,
    Where,
)
from registries.oci import location
from registries.oci.address_guard import AddressGuard
from registries.oci.auth import Handshake
from registries.oci.connection_errors import BROKE_OFF, NOT_TLS
from registries.oci.errors import SHORT_BODY, Stage, is_page, response_failure
from registries.oci.location import Location
from registries.oci.redirects import follow_within, note_redirect, redirect_target
from registries.oci.responses import Response
from registries.oci.tls_hosts import TlsHosts
from registries.oci.transport import Session

HINTS = frozenset({403, 404, 405})
"""Refusals of the ping that are no verdict: some proxies pass on only the paths of repositories, and others let nobody
read `/v2/` itself. Clients such as containerd don't ping at all. A web page with 200 is none either."""


class Ping:
    """The ping of the registry whose `/v2/` is at `place`, an https address. `base` is where it answered, None before
    `ask`; `doubt` is how it was refused by a registry that may send images all the same."""

    def __init__(
        self,
        session: Session,
        place: Location,
        where: Where,
        guard: AddressGuard,
        handshake: Handshake,
        tls_hosts: TlsHosts,
    ) -> None:
        self.base: Location | None = None
        self.doubt: PullFailed | None = None
        self._session = session
        self._place = place
        self._where = where
        self._guard = guard
        self._handshake = handshake
        self._tls_hosts = tls_hosts

    def ask(self) -> Location:
        """Ping without credentials over TLS, or unencrypted if the host doesn't speak TLS, never did before, and an
        operator opened its network for that. The handshake learns the challenge.

        Returns the address of `/v2/`. Raises `TlsInvalid` if it spoke TLS before, a failure of the connection, or the
        one that a status other than 200, 401 and `HINTS` means.
        """
        place = self._place
        try:
            response = self._ask_over_tls()
        except RegistryUnreachable as failure:
            self._check_never_spoke_tls(failure)
            place = location.read(f"http{place.url.removeprefix('https')}")
            response = self._session.get(place.url)
        there = redirect_target(response, place)
        if there is not None and place.keeps_authorization(there):
            response = follow_within(there, lambda here: self._session.get(here.url), Location.keeps_authorization)
        body = response.read(SHORT_BODY)
        is_asking = response.status == 401
        is_website = response.status == 200 and is_page(body or b"")
        if not is_asking and (response.status != 200 or is_website):
            refusal = response_failure(Stage.PING, response.status, response.headers, body or b"", **response.where)
            if response.status not in HINTS and not is_website:
                raise note_redirect(refusal, response)
            self.doubt = refusal
        self._handshake.learn_ping(place, response.headers.get("WWW-Authenticate", "") if is_asking else None)
        self.base = place
        return place

    @contextmanager
    def doubting(self) -> Iterator[None]:
        """Raise how the ping was refused instead of a refusal in the block that no registry would send."""
        try:
            yield
        except (AccessDenied, ImageNotFound, RegistryRefuses) as failure:
            is_clear = isinstance(failure, RegistryRefuses) and "case" in failure.params
            says_more = is_clear or (failure.response is not None and failure.response.code)
            if self.doubt is None or self._handshake.was_challenged or says_more:
                raise
        else:
            return
        raise self.doubt

    def _ask_over_tls(self) -> Response:
        try:
            response = self._session.get(self._place.url)
        except RegistryUnreachable as failure:
            if failure.params.get("reason") != BROKE_OFF:
                raise
            response = self._session.get(self._place.url)  # a connection may break off once
        self._tls_hosts.note(self._place.authority)
        return response

    def _check_never_spoke_tls(self, failure: RegistryUnreachable) -> None:
        """Return if the host may be asked unencrypted; raise `failure`, why it can't be asked over TLS, or TlsInvalid.

        An answer that isn't TLS shows that it doesn't speak it. A connection that breaks off each time shows less, so
        it counts only where everything may be sent unencrypted anyway. An alert of TLS, a certificate that is not
        trusted and silence never count.
        """
        host, port, reason = self._place.host, self._place.port, failure.params.get("reason")
        is_possible = reason == NOT_TLS and self._guard.allows_plain_http(host, port)
        if not is_possible and not (reason == BROKE_OFF and self._guard.is_plain_network(host, port)):
            raise failure
        if self._tls_hosts.includes(self._place.authority):
            raise TlsInvalid(case="downgraded", raw="no tls", **self._where)
