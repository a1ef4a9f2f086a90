"""A GET with what it takes to be answered: authorization, one renewal of it, and redirects.

Authorization never leaves the registry's scheme, host and port, and does not come back once it was left
(distribution specification, "Pulling blobs").
"""

from __future__ import annotations

from collections.abc import Callable

from registries.failures import RegistryUnreachable
from registries.oci import location
from registries.oci.auth import Handshake, Login, Token
from registries.oci.errors import SHORT_BODY, Stage, response_failure
from registries.oci.transport import Response, Session

MAX_REDIRECTS = 5
_Found = tuple[Response, bool]
"""An answer, and whether it came from elsewhere than the registry."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Fetch:
    """GETs for one registry, named `host` in failures. Shared by threads."""

    def __init__(self, session: Session, handshake: Handshake, host: str) -> None:
        self._session = session
        self._handshake = handshake
        self._host = host

    def get(self, url: str, headers: dict[str, str], stage: Stage, repository: str, version: str) -> Response:
        """Return the answer, of status 200 or 206; every other status is raised as what it means."""
        answer, elsewhere = self._authorized(repository, lambda shown: self._follow(url, headers, shown))
        if answer.status in {200, 206}:
            return answer
        body = answer.read(SHORT_BODY) or b""
        if elsewhere and answer.status != 429:
            raise RegistryUnreachable(
                host=self._host, reason="its storage refused the download", raw=f"storage {answer.status}"
            )
        raise response_failure(
            stage,
            answer.status,
            answer.headers,
            body,
            host=self._host,
            repository=repository,
            version=version,
            login=self._handshake.has_login,
        )

    def confirms(self, url: str, repository: str) -> bool:
        """Tell whether `url` may be read: HEAD is answered with success. Where it sends us elsewhere, what is signed
        for that place is good for GET alone as a rule, so one byte is fetched."""
        answer, _ = self._authorized(repository, lambda shown: (self._session.head(url, shown), False))
        answer.close()
        if answer.status in _REDIRECTS:
            answer = self.get(url, {"Range": "bytes=0-0"}, Stage.BLOB, repository, "")
            answer.close()
        return answer.status in {200, 206}

    def _authorized(self, repository: str, ask: Callable[[Login | Token | None], _Found]) -> _Found:
        """Ask with the authorization that there is; once more with a fresh one, where the registry wants that."""
        used = self._handshake.authorization(repository)
        answer, elsewhere = ask(used)
        if answer.status == 401 and not elsewhere:
            challenge = answer.headers.get("WWW-Authenticate", "")
            answer.read(SHORT_BODY)
            answer.close()
            used = self._handshake.renewed(repository, used, challenge)
            answer, elsewhere = ask(used)
        if isinstance(used, Token) and (elsewhere or answer.status != 401):
            used.proved = True
        return answer, elsewhere

    def _follow(self, url: str, headers: dict[str, str], authorization: Login | Token | None) -> _Found:
        """Follow redirects; return the last answer, and whether it came from elsewhere than the registry."""
        here = location.read(url)
        home = here.origin
        elsewhere = False
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._session.get(here.url, headers, None if elsewhere else authorization)
            target = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or target is None:
                return answer, elsewhere
            answer.read(SHORT_BODY)
            try:
                there = location.read(target, here.url)
            except location.LocationInvalid:
                raise self._lost("it sent us to an address that can't be read") from None
            if here.scheme == "https" and there.scheme != "https":
                raise self._lost("it sent us from an encrypted to an unencrypted address")
            here = there
            elsewhere = elsewhere or here.origin != home
        raise self._lost("it sent us from one address to the next without end")

    def _lost(self, reason: str) -> RegistryUnreachable:
        return RegistryUnreachable(host=self._host, reason=reason, raw="redirect")
