"""Authentication: which credentials are sent where, and which token they are exchanged for.

    ping without credentials → challenge → Basic, shown to the ping once, judged where it is used
                                         → Bearer: token service → token for one repository
    401 with a token that has worked → a new token, once; 401 with a new one → access denied,
                                       or another token after a pause, where it is called invalid

(Distribution specification, token authentication.) A password is sent only to the registry's own host and to the
caller's `token_hosts`, and is not sent again once it was refused for an image.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import urlencode

from registries.failures import (
    AccessDenied,
    AuthenticationFailed,
    CredentialMalformed,
    HostNotAllowed,
    PullFailed,
    RegistryUnreachable,
    Service,
    Where,
)
from registries.oci import challenge, location, scopes
from registries.oci.challenge import Challenge
from registries.oci.errors import SHORT_BODY, Stage, response_failure
from registries.oci.location import Location
from registries.oci.redirects import follow_within
from registries.oci.reference import api_host
from registries.oci.responses import Response
from registries.oci.tls_hosts import TlsHosts, TlsHostsOfClient
from registries.oci.tokens import Token, read_token
from registries.oci.transport import Session

INVALID_TOKEN_PAUSE = 2.0
"""Seconds before another token is requested because the registry called a new one invalid."""
_HINTS = frozenset({401, 403, 404, 405})


@dataclass(frozen=True)
class Login:
    """User name and secret, sent as Basic. Its `repr` hides the secret."""

    username: str
    secret: str = field(repr=False)

    @property
    def header(self) -> str:
        """The value of the Authorization header."""
        return f"Basic {base64.b64encode(f'{self.username}:{self.secret}'.encode()).decode('ascii')}"


class Handshake:
    """Keeps how one registry authenticates, and its tokens. Shared by threads."""

    def __init__(
        self,
        session: Session,
        host: str,
        hostname: str,
        login: Login | None,
        token_hosts: Collection[str] = (),
        before_login_sent: Callable[[str], None] | None = None,
        tls_hosts: TlsHosts | None = None,
    ) -> None:
        if login is not None and (":" in login.username or "\r" in login.username or "\n" in login.username):
            raise CredentialMalformed(host=host, reason="a user name holds no colon and no line break")
        self._session = session
        self._host = host
        self._hostname = hostname
        self._registry: Where = {"host": host, "service": Service.REGISTRY, "met": api_host(host)}
        self._login = login
        self._token_hosts = frozenset(token_host.lower() for token_host in token_hosts)
        self._lock = threading.RLock()
        self._challenge: Challenge | None = None
        self._ping_url = ""
        self._basic_checked = False
        self._login_proved = False
        self._doubt: PullFailed | None = None
        self._tokens: dict[str, Token] = {}
        self._scopes: dict[str, tuple[str, ...]] = {}
        self._final_failure: PullFailed | None = None
        self._before_login_sent = before_login_sent
        self._sent_to: set[str] = set()
        self._tls_hosts = tls_hosts or TlsHostsOfClient()
        self._plain_realms: set[str] = set()

    @property
    def has_login(self) -> bool:
        """Whether there are credentials to send."""
        return self._login is not None

    @property
    def doubt(self) -> PullFailed | None:
        """How the ping refused the login. That is a hint: some registries let it read images all the same, and it is
        judged where it is used. None if the ping accepted it, or it has been used since."""
        return None if self._login_proved else self._doubt

    def learn(self, header: str, ping_url: str) -> bool:
        """Read the challenge of a 401; return whether it has a scheme that we support."""
        offered = {parsed.scheme: parsed for parsed in reversed(challenge.parse(header))}
        with self._lock:
            self._challenge = offered.get("bearer") or offered.get("basic")
            self._ping_url = ping_url
            return self._challenge is not None

    def authorization(self, repository: str) -> Login | Token | None:
        """Return what to send with a request for `repository`, after asking the token service if necessary.

        Raises `AuthenticationFailed`, `AccessDenied`, `HostNotAllowed` (a token service elsewhere),
        `RateLimited` or `RegistryUnreachable`.
        """
        with self._lock:
            if self._challenge is None:
                return None
            if self._final_failure is not None:
                raise self._final_failure
            if self._challenge.scheme == "basic":
                return self._basic(repository)
            token = self._tokens.get(repository)
            if token is None or time.monotonic() >= token.valid_until:
                token = self._tokens[repository] = self._ask_token(self._challenge, repository)
            return token

    def renew(self, repository: str, used: Login | Token | None, header: str) -> Login | Token:
        """Return other authorization after a 401 to `used`, whose challenge is `header`.

        A token that has worked is replaced, and one whose scope is not enough by one for the scope that the registry
        names (containers/image#1640). Another new one is replaced once, after a pause, where the registry calls it
        invalid: one of its replicas may not know the token yet, or its clock differs. Raises `AccessDenied` if nothing
        else can be sent, `AuthenticationFailed` for a login that never worked, and `RegistryUnreachable` for a second
        new token that is called invalid, which may pass.
        """
        with self._lock:
            other = self._other_scopes(repository, used, header)
            if other:
                self._scopes[repository] = other
            if isinstance(used, Token):
                if not other and not used.is_proved:
                    self._check_called_invalid(repository, used, header)
                if self._tokens.get(repository) is used:
                    del self._tokens[repository]
            elif used is not None and _offers_tokens_only(header):
                self.learn(header, self._ping_url)
                self._doubt = None
            elif used is not None:
                if not self._login_proved:
                    is_refused = isinstance(self._doubt, AuthenticationFailed)
                    refusal = AuthenticationFailed(raw="401 with credentials", **self._registry)
                    self._fail_for_good(self._doubt if is_refused and self._doubt else refusal)
                raise AccessDenied(repository=repository, raw="401 after authentication", **self._registry)
            elif self._challenge is None:
                self.learn(header, "")
            renewed = self.authorization(repository)
            if isinstance(renewed, Token) and isinstance(used, Token) and not used.is_proved and not other:
                renewed.is_second = True
        if renewed is None:
            raise AccessDenied(repository=repository, raw="401", **self._registry)
        return renewed

    def demands_scope(self, repository: str, used: Login | Token | None, status: int, header: str) -> bool:
        """Whether a response demands a scope that was not asked for yet. Among 403s, only those that say so are about
        it."""
        if status not in {401, 403} or (status == 403 and not scopes.says_insufficient(header)):
            return False
        with self._lock:
            return bool(self._other_scopes(repository, used, header))

    def prove(self, used: Login | Token | None) -> None:
        """Note that a request with this authorization was not answered with 401."""
        if isinstance(used, Token):
            used.is_proved = True
        elif used is not None:
            self._login_proved = True

    def _other_scopes(self, repository: str, used: Login | Token | None, header: str) -> tuple[str, ...]:
        """Return the scopes that a refused request demands; none if its token was asked for with them."""
        if isinstance(used, Login):
            return ()
        wanted = scopes.demanded(header)
        offer = self._challenge or next(iter(challenge.parse(header)), None)
        with suppress(location.LocationInvalid):
            realm = location.read(offer.parameters.get("realm", "") if offer else "")
            if realm.host != self._hostname:
                wanted = scopes.harmless(wanted, repository)
        asked = used.scopes if used else (scopes.pull_scope(repository),)
        return wanted if not set(wanted) <= set(asked) else ()

    def _check_called_invalid(self, repository: str, used: Token, header: str) -> None:
        """Pause and return if a new token may be refused for now only. Raises the failure otherwise."""
        errors = {offer.parameters.get("error", "").lower() for offer in challenge.parse(header)}
        if "invalid_token" not in errors:
            raise AccessDenied(repository=repository, raw="401 after authentication", **self._registry)
        if used.is_second:
            reason = "it refused a token that its sign-in service had just given"
            raise RegistryUnreachable(case="answer", reason=reason, raw="401 invalid_token", **self._registry)
        time.sleep(INVALID_TOKEN_PAUSE)

    def _basic(self, repository: str) -> Login:
        if self._login is None:
            self._fail_for_good(
                AuthenticationFailed(case="none_given", raw="401 no credentials given", **self._registry)
            )
        self._announce(api_host(self._host))
        if not self._basic_checked and self._ping_url:
            response = follow_within(
                location.read(self._ping_url),
                lambda here: self._session.get(here.url, authorization=self._login),
                Location.keeps_authorization,
            )
            body = response.read(SHORT_BODY) or b""
            if response.status == 200:
                self._login_proved = True
            else:
                stage = Stage.TOKEN if response.status == 403 else Stage.PING
                failure = response_failure(
                    stage, response.status, response.headers, body, repository=repository, login=True, **response.where
                )
                if response.status not in _HINTS:
                    raise failure
                self._doubt = failure
        self._basic_checked = True
        return self._login

    def _ask_token(self, offer: Challenge, repository: str) -> Token:
        asked_at = time.monotonic()
        # The scope that was demanded comes first: some token services read no other.
        asked = tuple(dict.fromkeys((*self._scopes.get(repository, ()), scopes.pull_scope(repository))))
        query = [("service", offer.parameters["service"])] if "service" in offer.parameters else []
        query += [("scope", scope) for scope in asked]
        url = self._realm(offer.parameters.get("realm", "")).url
        here = location.read(f"{url}{'&' if '?' in url else '?'}{urlencode(query)}")
        response = follow_within(here, self._send_login, self._may_follow)
        body = response.read(SHORT_BODY)
        if response.status != 200 or body is None:
            status = response.status if body is not None else 502
            failure = response_failure(
                Stage.TOKEN,
                status,
                response.headers,
                body or b"",
                repository=repository,
                login=self._login is not None,
                **response.where,
            )
            if isinstance(failure, AuthenticationFailed):
                self._fail_for_good(failure)
            raise failure
        token = read_token(body, asked_at, response.where)
        token.scopes = asked
        return token

    def _send_login(self, here: Location) -> Response:
        self._announce(here.authority)
        return self._session.get(here.url, authorization=self._login, service=Service.SIGN_IN)

    def _may_follow(self, here: Location, there: Location) -> bool:
        """Whether a redirect of the token service stays within its origin. To TLS, the registry's own host may change
        the port, because it may name any of its ports as the token service."""
        is_upgraded = (here.scheme, there.scheme) == ("http", "https")
        return here.keeps_authorization(there) or (is_upgraded and here.host == there.host == self._hostname)

    def _realm(self, text: str) -> Location:
        """Return the token service's address. Raises `HostNotAllowed` if credentials may not be sent there: elsewhere,
        or unencrypted though the registry speaks TLS. An http address on the name of a registry that speaks TLS is
        asked over https. The address guard checks unencrypted HTTP on connecting."""
        try:
            realm = location.read(text)
        except location.LocationInvalid:
            raise HostNotAllowed(case="realm_unreadable", raw="realm unreadable", **self._sign_in()) from None
        spoke_tls = self._ping_url.startswith("https:")
        if realm.scheme == "http" and realm.host == self._hostname and spoke_tls:
            realm = location.read(f"https://{realm.authority}{realm.target}")
        known = realm.host == self._hostname or realm.authority in self._token_hosts
        if self._login is not None and not known:
            raise HostNotAllowed(case="realm", raw=f"realm {realm.authority}", **self._sign_in(realm.authority))
        if realm.scheme == "http" and realm.authority not in self._plain_realms:
            if spoke_tls or self._tls_hosts.includes(realm.authority):
                raise HostNotAllowed(case="realm_plain", raw="realm without tls", **self._sign_in(realm.authority))
            self._plain_realms.add(realm.authority)
        return realm

    def _sign_in(self, authority: str = "") -> Where:
        """Where a failure about the sign-in service was met."""
        return {"host": self._host, "service": Service.SIGN_IN, "met": authority or self._host}

    def _announce(self, host: str) -> None:
        """Call `before_login_sent` the first time that the login is about to be sent to `host`."""
        if self._login is not None and self._before_login_sent is not None and host not in self._sent_to:
            self._before_login_sent(host)
            self._sent_to.add(host)

    def _fail_for_good(self, failure: PullFailed) -> NoReturn:
        """Raise `failure` now and on every later attempt: a refused password is not sent twice."""
        self._final_failure = failure
        raise failure


def _offers_tokens_only(header: str) -> bool:
    """Whether a repository wants a token, even if the ping wants the login: each may have a backend of its own."""
    schemes = {offer.scheme for offer in challenge.parse(header)}
    return "bearer" in schemes and "basic" not in schemes
