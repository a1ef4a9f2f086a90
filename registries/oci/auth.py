"""The handshake: which credentials go where, and for which token.

    ping without credentials → challenge → Basic, checked once
                                         → Bearer: token service → token for one repository
    401 with a token that has worked → a new token, once; 401 with a fresh one → access denied

(distribution specification, token authentication.) A password goes to the registry's own host and to the
`token_hosts` that the caller vouches for, nowhere else, and is not tried again once it was refused.
"""

from __future__ import annotations

import base64
import re
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import urlencode

from requests import PreparedRequest
from requests.auth import AuthBase

from registries.failures import (
    AccessDenied,
    AuthenticationFailed,
    CredentialMalformed,
    HostNotAllowed,
    PullFailed,
    RegistryUnreachable,
)
from registries.oci import challenge, location, strict_json
from registries.oci.challenge import Challenge
from registries.oci.errors import SHORT_BODY, Stage, response_failure
from registries.oci.location import Location
from registries.oci.reference import api_host
from registries.oci.transport import Session

DEFAULT_LIFETIME = 60.0
MAX_LIFETIME = 3600.0
_MARGIN = 0.1  # the part of a token's life that is left unused

_TOKEN = re.compile(r"[!-~]{1,16384}")


@dataclass(frozen=True)
class Login(AuthBase):
    """User name and secret, sent as Basic. Its `repr` hides the secret."""

    username: str
    secret: str = field(repr=False)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        pair = f"{self.username}:{self.secret}".encode()
        request.headers["Authorization"] = f"Basic {base64.b64encode(pair).decode('ascii')}"
        return request


@dataclass(eq=False)
class Token(AuthBase):
    """A bearer token and until when it is good (monotonic seconds). `proved` once a request with it worked."""

    text: str = field(repr=False)
    good_until: float
    proved: bool = False

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.text}"
        return request


class Handshake:
    """Keeps what was learned of one registry's ways to authenticate, and its tokens. Shared by threads."""

    def __init__(
        self,
        session: Session,
        host: str,
        hostname: str,
        login: Login | None,
        token_hosts: Collection[str] = (),
        on_show: Callable[[str], None] | None = None,
    ) -> None:
        if login is not None and (":" in login.username or "\r" in login.username or "\n" in login.username):
            raise CredentialMalformed(host=host, reason="a user name holds no colon and no line break")
        self._session = session
        self._host = host
        self._hostname = hostname
        self._login = login
        self._token_hosts = frozenset(one.lower() for one in token_hosts)
        self._lock = threading.RLock()
        self._challenge: Challenge | None = None
        self._ping_url = ""
        self._basic_checked = False
        self._tokens: dict[str, Token] = {}
        self._refused: PullFailed | None = None
        self._on_show = on_show
        self._shown: set[str] = set()

    @property
    def has_login(self) -> bool:
        """Whether there are credentials to send."""
        return self._login is not None

    def learn(self, header: str, ping_url: str) -> bool:
        """Take the challenge of a 401; tell whether there is one that can be met."""
        offered = {one.scheme: one for one in reversed(challenge.parse(header))}
        with self._lock:
            self._challenge = offered.get("bearer") or offered.get("basic")
            self._ping_url = ping_url
            return self._challenge is not None

    def authorization(self, repository: str) -> Login | Token | None:
        """Return what to send with a request for `repository`; asks the token service where that is needed.

        Raises `AuthenticationFailed`, `AccessDenied`, `HostNotAllowed` (a token service elsewhere),
        `RateLimited` or `RegistryUnreachable`.
        """
        with self._lock:
            if self._challenge is None:
                return None
            if self._refused is not None:
                raise self._refused
            if self._challenge.scheme == "basic":
                return self._basic(repository)
            token = self._tokens.get(repository)
            if token is None or time.monotonic() >= token.good_until:
                token = self._tokens[repository] = self._ask_token(self._challenge, repository)
            return token

    def renewed(self, repository: str, used: Login | Token | None, header: str) -> Login | Token:
        """Return something better after a 401 to `used`, or raise `AccessDenied` if there is nothing."""
        with self._lock:
            if isinstance(used, Token) and used.proved:
                if self._tokens.get(repository) is used:
                    del self._tokens[repository]
            elif used is not None:
                raise AccessDenied(host=self._host, repository=repository, raw="401 after authentication")
            elif self._challenge is None:
                self.learn(header, "")
            better = self.authorization(repository)
        if better is None:
            raise AccessDenied(host=self._host, repository=repository, raw="401")
        return better

    def _basic(self, repository: str) -> Login:
        if self._login is None:
            self._refuse(AuthenticationFailed(host=self._host, case="none_given", raw="401 no credentials given"))
        self._show(api_host(self._host))
        if not self._basic_checked and self._ping_url:
            answer = self._session.get(self._ping_url, authorization=self._login)
            body = answer.read(SHORT_BODY) or b""
            if answer.status != 200:
                stage = Stage.TOKEN if answer.status == 403 else Stage.PING
                failure = response_failure(
                    stage, answer.status, answer.headers, body, host=self._host, repository=repository, login=True
                )
                if answer.status == 401:
                    self._refuse(failure)
                raise failure
        self._basic_checked = True
        return self._login

    def _ask_token(self, offer: Challenge, repository: str) -> Token:
        asked_at = time.monotonic()
        query = {"scope": f"repository:{repository}:pull"}
        if "service" in offer.parameters:
            query = {"service": offer.parameters["service"], **query}
        realm = self._realm(offer.parameters.get("realm", ""))
        url = realm.url
        self._show(realm.authority)
        answer = self._session.get(f"{url}{'&' if '?' in url else '?'}{urlencode(query)}", authorization=self._login)
        body = answer.read(SHORT_BODY)
        if answer.status != 200 or body is None:
            status = answer.status if body is not None else 502
            failure = response_failure(
                Stage.TOKEN,
                status,
                answer.headers,
                body or b"",
                host=self._host,
                repository=repository,
                login=self._login is not None,
            )
            if isinstance(failure, AuthenticationFailed):
                self._refuse(failure)
            raise failure
        return self._read_token(body, asked_at)

    def _realm(self, text: str) -> Location:
        """Return the token service's address, if credentials may go there. Plain HTTP is judged on connecting."""
        try:
            realm = location.read(text)
        except location.LocationInvalid:
            raise HostNotAllowed(host=self._host, case="realm", raw="realm unreadable") from None
        known = realm.host == self._hostname or realm.authority in self._token_hosts
        if self._login is not None and not known:
            raise HostNotAllowed(host=self._host, case="realm", raw=f"realm {realm.authority}")
        return realm

    def _read_token(self, body: bytes, asked_at: float) -> Token:
        try:
            document = strict_json.read_object(body, SHORT_BODY)
        except strict_json.JsonInvalid:
            document = {}
        text = document.get("token") or document.get("access_token")
        if not isinstance(text, str) or not _TOKEN.fullmatch(text):
            raise RegistryUnreachable(host=self._host, reason="its token service did not give a token", raw="no token")
        lifetime = document.get("expires_in")
        if not isinstance(lifetime, (int, float)) or isinstance(lifetime, bool) or not lifetime >= 1:
            lifetime = DEFAULT_LIFETIME
        return Token(text, asked_at + min(float(lifetime), MAX_LIFETIME) * (1 - _MARGIN))

    def _show(self, host: str) -> None:
        """Tell that `host` is about to see the login."""
        if self._login is not None and self._on_show is not None and host not in self._shown:
            self._on_show(host)
            self._shown.add(host)

    def _refuse(self, failure: PullFailed) -> NoReturn:
        """Raise, now and whenever asked again: a refused password is not tried twice."""
        self._refused = failure
        raise failure
