"""A GET with authorization, its renewal, redirects, and the rest of a blob.

Authorization is never sent outside the registry's scheme, host and port, and not again after a redirect led outside
(distribution specification, "Pulling blobs").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from registries.failures import PullFailed, RegistryUnreachable, Service
from registries.oci import location
from registries.oci.auth import Handshake
from registries.oci.errors import SHORT_BODY, Stage, response_failure
from registries.oci.login import Login
from registries.oci.redirects import MAX_REDIRECTS, REDIRECTS, redirect_failure, redirect_target
from registries.oci.responses import Response
from registries.oci.tokens import Token
from registries.oci.transport import Headers, Session

MAX_RENEWALS = 4
"""More than `Handshake.renew` allows one request; it raises before."""
_SUCCESSES = frozenset({200, 206})
_PASSING = frozenset({408, 425, 429, 502, 503, 504})
_Fetched = tuple[Response, bool]
"""A response, and whether it came from another origin than the registry's."""


@dataclass(frozen=True)
class _Asked:
    """What a request is for, as its failure says."""

    stage: Stage
    repository: str
    version: str = ""


class Fetch:
    """GETs for one registry. Shared by threads."""

    def __init__(self, session: Session, handshake: Handshake) -> None:
        self._session = session
        self._handshake = handshake

    def get(self, url: str, headers: Headers, stage: Stage, repository: str, version: str) -> Response:
        """Return a response with status 200 or 206. Raises the failure that any other status means."""
        asked = _Asked(stage, repository, version)
        response, elsewhere = self._authorized(asked, partial(self._follow, url, headers))
        if response.status in _SUCCESSES:
            return response
        raise self._failure(response, response.read(SHORT_BODY), asked, elsewhere=elsewhere)

    def get_rest(self, url: str, first: int, last: int, repository: str, digest: str) -> Response:
        """Return the bytes `first` to `last` of a blob whose transfer broke off (status 206), or all of it (status
        200). Raises like `get`.

        Since it was being sent, a refusal is about how it is asked for. If the storage refuses, the registry is asked
        for another address, because those that it signs expire. Then all of the blob is asked for, because some know
        no ranges, and say so with many a status (kubernetes/registry.k8s.io#333).
        """
        asked = _Asked(Stage.BLOB, repository, digest)
        send = partial(self._follow, url, {"Range": f"bytes={first}-{last}"})
        response, elsewhere = self._authorized(asked, send)
        if elsewhere and _is_refusal(response):
            response.close()
            response, elsewhere = self._authorized(asked, send)
        if _is_refusal(response):
            response.close()
            return self.get(url, {}, Stage.BLOB, repository, digest)
        if response.status in _SUCCESSES:
            return response
        raise self._failure(response, response.read(SHORT_BODY), asked, elsewhere=elsewhere)

    def try_login(self, url: str, repository: str) -> None:
        """Send the login with a HEAD. Raises `AuthenticationFailed` if it is refused; no other status raises."""
        asked = _Asked(Stage.MANIFEST, repository)
        response, _ = self._authorized(asked, lambda login: (self._session.head(url, login), False))
        response.close()

    def is_readable(self, url: str, repository: str) -> bool:
        """Whether `url` may be read: HEAD succeeds. After a redirect one byte is fetched instead, because signed
        addresses are usually valid for GET only."""
        asked = _Asked(Stage.BLOB, repository)
        response, _ = self._authorized(asked, lambda authorization: (self._session.head(url, authorization), False))
        response.close()
        if response.status in REDIRECTS:
            response = self.get(url, {"Range": "bytes=0-0"}, Stage.BLOB, repository, "")
            response.close()
        return response.status in _SUCCESSES

    def _failure(self, response: Response, body: bytes | None, asked: _Asked, *, elsewhere: bool) -> PullFailed:
        # Some registries send manifests from elsewhere too, and a name that is missing is missing there
        # (registry.k8s.io, cmd/archeio).
        is_about_name = asked.stage is Stage.MANIFEST and response.status in {404, 410}
        if elsewhere and response.status != 429 and not is_about_name:
            return RegistryUnreachable(
                case="answer", reason="it refused the download", raw=f"storage {response.status}", **response.where
            )
        return response_failure(
            asked.stage,
            response.status,
            response.headers,
            body or b"",
            repository=asked.repository,
            version=asked.version,
            login=self._handshake.has_login,
            **response.where,
        )

    def _authorized(self, asked: _Asked, send: Callable[[Login | Token | None], _Fetched]) -> _Fetched:
        """Send the request with the current authorization, and again with a new one after a 401: once, and once more
        where the registry says that it is about the new one, or about its scope. Raises what the 401 means if there is
        no other authorization."""
        repository = asked.repository
        used = self._handshake.authorization(repository)
        response, elsewhere = send(used)
        is_widened = False
        for renewals in range(MAX_RENEWALS):
            header = response.headers.get("WWW-Authenticate", "")
            demands_scope = not elsewhere and self._handshake.demands_scope(repository, used, response.status, header)
            if elsewhere or not (response.status == 401 or demands_scope):
                self._handshake.prove(used)
                break
            is_about_token = "invalid_token" in header or (demands_scope and not is_widened)
            if renewals and not isinstance(used, Login) and not is_about_token:
                break
            is_widened = is_widened or (demands_scope and used is not None)
            body = response.read(SHORT_BODY)
            response.close()
            renewed = self._handshake.renew(repository, used, header)
            if renewed is None:
                failure = self._failure(response, body, asked, elsewhere=False)
                raise self._handshake.refused(used, failure, header)
            used = renewed
            response, elsewhere = send(used)
        return response, elsewhere

    def _follow(self, url: str, headers: Headers, authorization: Login | Token | None) -> _Fetched:
        """Follow redirects; return the last response, and whether it came from another origin than the registry's."""
        here = location.read(url)
        elsewhere = False
        for _ in range(MAX_REDIRECTS + 1):
            response = self._session.get(
                here.url,
                headers,
                None if elsewhere else authorization,
                service=Service.STORAGE if elsewhere else Service.REGISTRY,
            )
            there = redirect_target(response, here, Service.STORAGE)
            if there is None:
                return response, elsewhere
            elsewhere = elsewhere or not here.keeps_authorization(there)
            here = there
        raise redirect_failure("it sent us from one address to the next without end", response)


def _is_refusal(response: Response) -> bool:
    """Whether a resumed transfer is refused for a reason that another request may avoid."""
    return response.status not in _SUCCESSES | _PASSING
