"""Asking a registry's sign-in service for tokens: where it may be, and what is sent to it.

    the registry's own host, any port   gets the login; an http address is asked over https if the registry speaks TLS
    a host that is known for it         gets the login (`registries.providers.sign_in_hosts`)
    the host that a member confirmed    gets the login, over TLS alone
    any other host                      is asked without a login, and named in the failure if there is one

A registry that is taken over, or that lies, would otherwise collect passwords wherever it likes (CVE-2026-48978).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from urllib.parse import urlencode

from registries.failures import HostNotAllowed, RegistryUnreachable, Service, Where
from registries.oci import location
from registries.oci.challenge import Challenge
from registries.oci.connection_errors import NOT_TLS
from registries.oci.errors import SHORT_BODY, Stage, response_failure
from registries.oci.location import Location
from registries.oci.redirects import follow_within, note_redirect
from registries.oci.responses import Response
from registries.oci.tls_hosts import TlsHosts
from registries.oci.tokens import Token, read_token
from registries.oci.transport import Authorization, Session


class SignInService:
    """The sign-in service of one registry, asked with one login or none.

    `hostname` is the registry's without its port. `known` and `confirmed` are `host[:port]`, as an https address names
    them. `before_sent` is called with the `host[:port]` that the login is about to be sent to.
    """

    def __init__(
        self,
        session: Session,
        host: str,
        hostname: str,
        login: Authorization | None,
        *,
        known: Collection[str],
        confirmed: str,
        before_sent: Callable[[str], None],
        tls_hosts: TlsHosts,
    ) -> None:
        self._session = session
        self._host = host
        self._hostname = hostname
        self._login = login
        self._known = frozenset(name.lower() for name in known)
        self._confirmed = confirmed.lower()
        self._before_sent = before_sent
        self._tls_hosts = tls_hosts
        self._plain_realms: set[str] = set()

    def ask(self, offer: Challenge, repository: str, scopes: Sequence[str], *, spoke_tls: bool) -> Token:
        """Return a token with these scopes. `spoke_tls` is whether the registry's challenge came over TLS.

        Raises `HostNotAllowed` if the login may not be sent to where the challenge points, `AuthenticationFailed` if it
        is refused, `AccessDenied`, `RateLimited`, or a failure of the connection.
        """
        asked_at = time.monotonic()
        query = [("service", offer.parameters["service"])] if "service" in offer.parameters else []
        query += [("scope", scope) for scope in scopes]
        named = offer.parameters.get("realm", "")
        url = self._realm(named, spoke_tls=spoke_tls).url
        here = location.read(f"{url}{'&' if '?' in url else '?'}{urlencode(query)}")
        try:
            response = follow_within(here, self._send, self._may_follow)
        except RegistryUnreachable as failure:
            is_own_idea = here.scheme == "https" and not named.lower().lstrip().startswith("https")
            if not is_own_idea or (failure.params.get("reason"), failure.params["met"]) != (NOT_TLS, here.authority):
                raise
            plain = HostNotAllowed(case="realm_plain", raw="realm without tls", **self._where(here.authority))
        else:
            return self._token(response, repository, scopes, asked_at)
        raise plain

    def _token(self, response: Response, repository: str, scopes: Sequence[str], asked_at: float) -> Token:
        body = response.read(SHORT_BODY)
        if response.status != 200 or body is None:
            failure = response_failure(
                Stage.TOKEN,
                response.status if body is not None else 502,
                response.headers,
                body or b"",
                repository=repository,
                login=self._login is not None,
                **response.where,
            )
            raise note_redirect(failure, response)
        token = read_token(body, asked_at, response.where)
        token.scopes = tuple(scopes)
        return token

    def _send(self, here: Location) -> Response:
        if self._login is not None:
            self._before_sent(here.authority)
        return self._session.get(here.url, authorization=self._login, service=Service.SIGN_IN)

    def _may_follow(self, here: Location, there: Location) -> bool:
        """Whether a redirect stays within the origin. To TLS, the registry's own host may change the port, because it
        may name any of its ports as the token service."""
        is_upgraded = (here.scheme, there.scheme) == ("http", "https")
        return here.keeps_authorization(there) or (is_upgraded and here.host == there.host == self._hostname)

    def _realm(self, text: str, *, spoke_tls: bool) -> Location:
        """Return the address to ask. Raises `HostNotAllowed` if the login may not be sent there: to an unknown host, or
        unencrypted though the registry speaks TLS. The address guard checks unencrypted HTTP on connecting."""
        try:
            realm = location.read(text)
        except location.LocationInvalid:
            raise HostNotAllowed(case="realm_unreadable", raw="realm unreadable", **self._where()) from None
        is_own = realm.host == self._hostname
        is_confirmed = realm.authority == self._confirmed
        if realm.scheme == "http" and (is_confirmed or (is_own and spoke_tls)):
            realm = location.read(f"https://{realm.authority}{realm.target}")
        if self._login is not None and not (is_own or is_confirmed or realm.authority in self._known):
            raise self._unknown_host(realm)
        if realm.scheme == "http" and realm.authority not in self._plain_realms:
            if spoke_tls or self._tls_hosts.includes(realm.authority):
                raise HostNotAllowed(case="realm_plain", raw="realm without tls", **self._where(realm.authority))
            self._plain_realms.add(realm.authority)
        return realm

    def _unknown_host(self, realm: Location) -> HostNotAllowed:
        """Return the failure that names another host, for a member to confirm."""
        failure = HostNotAllowed(case="realm", raw=f"realm {realm.authority}", **self._where(realm.authority))
        failure.sign_in_host = realm.authority
        return failure

    def _where(self, authority: str = "") -> Where:
        return {"host": self._host, "service": Service.SIGN_IN, "met": authority or self._host}
