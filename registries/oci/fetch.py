"""A GET with authorization, one renewal of it, and redirects.

Authorization is never sent outside the registry's scheme, host and port, and not again after a redirect led outside
(distribution specification, "Pulling blobs").
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from registries.failures import RegistryUnreachable, Service
from registries.oci import location
from registries.oci.auth import Handshake, Login, Token
from registries.oci.errors import SHORT_BODY, Stage, response_failure
from registries.oci.responses import Response
from registries.oci.transport import Session

MAX_REDIRECTS = 5
MAX_RENEWALS = 4
"""More than `Handshake.renew` allows one request; it raises before."""
_Fetched = tuple[Response, bool]
"""A response, and whether it came from another origin than the registry's."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Fetch:
    """GETs for one registry. Shared by threads."""

    def __init__(self, session: Session, handshake: Handshake) -> None:
        self._session = session
        self._handshake = handshake

    def get(self, url: str, headers: dict[str, str], stage: Stage, repository: str, version: str) -> Response:
        """Return a response with status 200 or 206. Raises the failure that any other status means."""
        response, elsewhere = self._authorized(repository, partial(self._follow, url, headers))
        if response.status in {200, 206}:
            return response
        body = response.read(SHORT_BODY) or b""
        if elsewhere and response.status != 429:
            raise RegistryUnreachable(
                case="answer", reason="it refused the download", raw=f"storage {response.status}", **response.where
            )
        raise response_failure(
            stage,
            response.status,
            response.headers,
            body,
            repository=repository,
            version=version,
            login=self._handshake.has_login,
            **response.where,
        )

    def is_readable(self, url: str, repository: str) -> bool:
        """Whether `url` may be read: HEAD succeeds. After a redirect one byte is fetched instead, because signed
        addresses are usually valid for GET only."""
        response, _ = self._authorized(
            repository, lambda authorization: (self._session.head(url, authorization), False)
        )
        response.close()
        if response.status in _REDIRECTS:
            response = self.get(url, {"Range": "bytes=0-0"}, Stage.BLOB, repository, "")
            response.close()
        return response.status in {200, 206}

    def _authorized(self, repository: str, send: Callable[[Login | Token | None], _Fetched]) -> _Fetched:
        """Send the request with the current authorization, and again with a new one after a 401: once, and once more
        where the registry says that it is about the new one."""
        used = self._handshake.authorization(repository)
        response, elsewhere = send(used)
        for renewals in range(MAX_RENEWALS):
            if response.status != 401 or elsewhere:
                self._handshake.prove(used)
                break
            header = response.headers.get("WWW-Authenticate", "")
            if renewals and not isinstance(used, Login) and "invalid_token" not in header:
                break
            response.read(SHORT_BODY)
            response.close()
            used = self._handshake.renew(repository, used, header)
            response, elsewhere = send(used)
        return response, elsewhere

    def _follow(self, url: str, headers: dict[str, str], authorization: Login | Token | None) -> _Fetched:
        """Follow redirects; return the last response, and whether it came from another origin than the registry's."""
        here = location.read(url)
        home = here.origin
        elsewhere = False
        for _ in range(MAX_REDIRECTS + 1):
            service = Service.STORAGE if elsewhere else Service.REGISTRY
            response = self._session.get(here.url, headers, None if elsewhere else authorization, service=service)
            target = response.headers.get("Location")
            if response.status not in _REDIRECTS or target is None:
                return response, elsewhere
            response.read(SHORT_BODY)
            try:
                there = location.read(target, here.url)
            except location.LocationInvalid:
                raise _redirect_failure("it sent us to an address that can't be read", response) from None
            if here.scheme == "https" and there.scheme != "https":
                raise _redirect_failure("it sent us from an encrypted to an unencrypted address", response)
            here = there
            elsewhere = elsewhere or here.origin != home
        raise _redirect_failure("it sent us from one address to the next without end", response)


def _redirect_failure(reason: str, response: Response) -> RegistryUnreachable:
    return RegistryUnreachable(case="answer", reason=reason, raw="redirect", **response.where)
