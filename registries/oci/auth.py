"""Authentication: which credentials are sent where, and which token they are exchanged for.

    ping without credentials → challenge → Basic, shown to the ping once, judged where it is used
                                         → Bearer: token service → token for one repository
    401 with a token that has worked → a new token, once; 401 with a new one → access denied,
                                       or another token after a pause, where it is called invalid

(Distribution specification, token authentication.) `registries.oci.token_service` decides where a password is sent
besides the registry's own host. It is not sent again once it was refused for an image.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress

from registries.failures import (
    AccessDenied,
    AuthenticationFailed,
    CredentialMalformed,
    PullFailed,
    RateLimited,
    RegistryUnreachable,
    Service,
    Where,
    printable,
)
from registries.oci import challenge, location, scopes
from registries.oci.challenge import Challenge
from registries.oci.errors import SHORT_BODY, Stage, response_failure
from registries.oci.location import Location
from registries.oci.login import Login
from registries.oci.redirects import follow_within
from registries.oci.reference import api_host
from registries.oci.tls_hosts import TlsHosts, TlsHostsOfClient
from registries.oci.token_service import SignInService
from registries.oci.tokens import Token
from registries.oci.transport import Session

INVALID_TOKEN_PAUSE = 2.0
"""Seconds before another token is requested because the registry called a new one invalid."""
_HINTS = frozenset({401, 403, 404, 405})


class Handshake:
    """Keeps how one registry authenticates, and its tokens. Shared by threads."""

    def __init__(
        self,
        session: Session,
        host: str,
        hostname: str,
        login: Login | None,
        token_hosts: Collection[str] = (),
        sign_in_host: str = "",
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
        self._lock = threading.RLock()
        self._challenge: Challenge | None = None
        self._asking_ping: Location | None = None  # of a ping that was answered with 401
        self._spoke_tls = False
        self._basic_checked = False
        self._login_proved = False
        self._doubt: PullFailed | None = None
        self._tokens: dict[str, Token] = {}
        self._scopes: dict[str, tuple[str, ...]] = {}
        self._final_failure: PullFailed | None = None
        self._before_login_sent = before_login_sent
        self._sent_to: set[str] = set()
        self._sign_in = SignInService(
            session,
            host,
            hostname,
            login,
            known=token_hosts,
            confirmed=sign_in_host,
            before_sent=self._announce,
            tls_hosts=tls_hosts or TlsHostsOfClient(),
        )

    @property
    def has_login(self) -> bool:
        """Whether there are credentials to send."""
        return self._login is not None

    @property
    def was_challenged(self) -> bool:
        """Whether the registry has said how to authenticate."""
        return self._challenge is not None

    @property
    def doubt(self) -> PullFailed | None:
        """How the ping refused the login. That is a hint: some registries let it read images all the same, and it is
        judged where it is used. None if the ping accepted it, or it has been used since."""
        return None if self._login_proved else self._doubt

    def learn(self, header: str) -> bool:
        """Read the challenge of a 401; return whether it has a scheme that we support."""
        offered = {parsed.scheme: parsed for parsed in reversed(challenge.parse(header))}
        with self._lock:
            bearer, basic = offered.get("bearer"), offered.get("basic")
            has_realm = bearer is not None and bool(bearer.parameters.get("realm"))
            self._challenge = bearer if has_realm or basic is None else basic
            return self._challenge is not None

    def learn_ping(self, place: Location, header: str | None) -> None:
        """Note at which address the registry answers its ping, and the challenge of a 401 there."""
        self._spoke_tls = place.scheme == "https"
        if header is not None:
            self.learn(header)
            self._asking_ping = place

    def authorization(self, repository: str) -> Login | Token | None:
        """Return what to send with a request for `repository`, after asking the token service if necessary.

        Raises `AuthenticationFailed`, `AccessDenied`, `HostNotAllowed` (a sign-in service elsewhere, which its
        `sign_in_host` names), `RateLimited` or `RegistryUnreachable`.
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

    def renew(self, repository: str, used: Login | Token | None, header: str) -> Login | Token | None:
        """Return other authorization after a 401 to `used`, whose challenge is `header`; None if there is none, and
        `refused` says what that means.

        A token that has worked is replaced, and one whose scope is not enough by one for the scope that the registry
        names (containers/image#1640). Another new one is replaced once, after a pause, where the registry calls it
        invalid: one of its replicas may not know the token yet, or its clock differs. Raises `RegistryUnreachable` for
        a second new token that is called invalid, which may pass, and like `authorization`.
        """
        other = self._other_scopes(repository, used, header)
        is_new = isinstance(used, Token) and not used.is_proved and not other
        if isinstance(used, Token) and is_new:
            if not challenge.has_error(header, "invalid_token"):
                return None
            if used.is_second:
                reason = "it refused a token that its sign-in service had just given"
                raise RegistryUnreachable(case="answer", reason=reason, raw="401 invalid_token", **self._registry)
            time.sleep(INVALID_TOKEN_PAUSE)  # without the lock: other requests continue
        with self._lock:
            if other:
                self._scopes[repository] = other
            if isinstance(used, Token):
                if self._tokens.get(repository) is used:
                    del self._tokens[repository]
            elif used is not None:
                if not challenge.offers_tokens_only(header):
                    return None
                self.learn(header)
                self._doubt = None
            elif self._challenge is None:
                self.learn(header)
            renewed = self.authorization(repository)
            if isinstance(renewed, Token) and is_new:
                renewed.is_second = True
        return renewed

    def refused(self, used: Login | Token | None, failure: PullFailed, header: str = "") -> PullFailed:
        """Return what it means that a request with `used` is refused for good, as its response and its challenge
        `header` read: a login that never worked is wrong, unless the registry says that it lacks a permission, or that
        a policy is against it. One that was never asked for in a way that we know was not refused."""
        if used is None and self._login is not None and isinstance(failure, AccessDenied):
            offered = ", ".join(offer.scheme for offer in challenge.parse(header))
            reason = f"only in a way that the portal doesn't know ({offered})" if offered else "without saying how"
            failure.params |= {"case": "unasked", "reason": printable(reason)}
            return failure
        if isinstance(used, Token) and self._login is not None and isinstance(failure, AccessDenied):
            return self._wrong_login() or failure
        if not isinstance(used, Login) or self._login_proved or not isinstance(failure, AccessDenied):
            return failure
        if isinstance(self._doubt, AuthenticationFailed):
            wrong = self._doubt
        elif failure.response is not None and failure.response.code == "DENIED":
            return failure
        else:
            wrong = AuthenticationFailed(raw=failure.raw, **self._registry)
            wrong.response = failure.response
        self._final_failure = wrong  # a refused password is not sent twice
        return wrong

    def _wrong_login(self) -> AuthenticationFailed | None:
        """Return the failure of a login that the sign-in service refuses where no scope is asked for, as `docker login`
        asks; None if it doesn't. Some answer a wrong one like nobody's where a scope is asked for, with a token that
        grants nothing (Harbor, `src/core/service/token/creator.go`). Asked once."""
        with self._lock:
            offer = self._challenge
            if self._login_proved or offer is None:
                return None
            try:
                self._sign_in.ask(offer, "", (), spoke_tls=self._spoke_tls)
            except AuthenticationFailed as failure:
                if failure.response is not None and failure.response.status == 401:
                    self._final_failure = failure  # a refused password is not sent twice
                    return failure
            except PullFailed:
                return None
            self._login_proved = True
        return None

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

    def _basic(self, repository: str) -> Login:
        if self._login is None:
            raise AuthenticationFailed(case="none_given", raw="401 no credentials given", **self._registry)
        self._announce(api_host(self._host))
        if not self._basic_checked and self._asking_ping is not None:
            response = follow_within(
                self._asking_ping,
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
                if response.status not in _HINTS or isinstance(failure, RateLimited):
                    raise failure
                self._doubt = failure
        self._basic_checked = True
        return self._login

    def _ask_token(self, offer: Challenge, repository: str) -> Token:
        # The scope that was demanded comes first: some token services read no other.
        asked = tuple(dict.fromkeys((*self._scopes.get(repository, ()), scopes.pull_scope(repository))))
        try:
            return self._sign_in.ask(offer, repository, asked, spoke_tls=self._spoke_tls)
        except AuthenticationFailed as failure:
            self._final_failure = failure  # a refused password is not sent twice
            raise

    def _announce(self, host: str) -> None:
        """Call `before_login_sent` the first time that the login is about to be sent to `host`."""
        if self._login is not None and self._before_login_sent is not None and host not in self._sent_to:
            self._before_login_sent(host)
            self._sent_to.add(host)
