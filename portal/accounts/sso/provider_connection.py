"""Requests to an identity provider, by workers only: JSON of a bounded size over checked connections.

Redirects are not followed. Whatever goes wrong is a `SignInFailed` with a code, and nothing of an answer is in it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from urllib.parse import quote_plus, urlencode, urlsplit

from django.conf import settings

from portal.accounts.sso.problems import SignInFailed
from registries.failures import PullFailed
from registries.hosts import Purpose, address_guard
from registries.oci import strict_json
from registries.oci.responses import Response
from registries.oci.timeouts import Timeouts
from registries.oci.transport import Session

TIMEOUTS = Timeouts(connect=5.0, read=8.0, head=8.0, document=10.0)
MAX_BYTES = 256 * 1024
MAX_URL_LENGTH = 2000
_CODES = {
    "host_not_allowed": "sso_host_not_allowed",
    "host_unknown": "sso_host_not_allowed",
    "tls_invalid": "sso_tls_invalid",
}


class ProviderConnection:
    """Connections to a provider. Use it as a context manager."""

    def __init__(self, issuer: str) -> None:
        self._guard = address_guard(purpose=Purpose.SIGN_IN)
        host = urlsplit(issuer).hostname or ""
        self._session = Session(host, self._guard, settings.PORTAL_REGISTRY_CA_FILE, TIMEOUTS)

    def __enter__(self) -> ProviderConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def check_endpoint(self, url: str) -> str:
        """Return an address that the provider names. Raises SignInFailed unless it is https, or http in a network that
        an operator opened for it."""
        try:
            parts = urlsplit(url)
            port = parts.port or (80 if parts.scheme == "http" else 443)
        except ValueError:
            raise SignInFailed("sso_discovery_incomplete") from None
        is_plain = parts.scheme == "http" and self._guard.is_plain_network(parts.hostname or "", port)
        if parts.scheme != "https" and not is_plain:
            raise SignInFailed("sso_endpoint_insecure")
        is_simple = url.isascii() and url.isprintable() and not set(url) & set(" \\\"'<>")
        if not parts.hostname or parts.fragment or "@" in parts.netloc or not is_simple or len(url) > MAX_URL_LENGTH:
            raise SignInFailed("sso_discovery_incomplete")
        return url

    def get(self, url: str, *, bearer: str = "") -> tuple[int, dict[str, object]]:
        """Return the status and the JSON object at an address; an empty one unless the status is 200. Raises
        SignInFailed."""
        self.check_endpoint(url)
        try:
            return _read(self._session.get(url, {"Accept": "application/json"}, _Bearer(bearer) if bearer else None))
        except PullFailed as failure:
            code = _CODES.get(failure.code, "sso_unreachable")
        raise SignInFailed(code)  # outside the handler: exceptions of the transport may hold secrets

    def post(
        self, url: str, fields: Mapping[str, str], *, client: tuple[str, str] | None = None
    ) -> tuple[int, dict[str, object]]:
        """Post a form, with the `client`'s id and secret as its credentials where given; return the status and the JSON
        object of the answer. Raises SignInFailed."""
        self.check_endpoint(url)
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        if client is not None:
            pair = ":".join(quote_plus(part) for part in client)  # RFC 6749, section 2.3.1
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        try:
            return _read(self._session.post(url, urlencode(dict(fields)).encode(), headers), is_post=True)
        except PullFailed as failure:
            code = _CODES.get(failure.code, "sso_unreachable")
        raise SignInFailed(code)


def _read(response: Response, *, is_post: bool = False) -> tuple[int, dict[str, object]]:
    status = response.status
    if 300 <= status < 400:
        response.close()
        raise SignInFailed("sso_redirects")
    if status != 200 and not is_post:
        response.close()
        return status, {}
    if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        response.close()
        raise SignInFailed("sso_answer_invalid")
    raw = response.read(MAX_BYTES)
    if raw is None:
        raise SignInFailed("sso_answer_too_large")
    try:
        return status, strict_json.read_object(raw, MAX_BYTES)
    except strict_json.JsonInvalid:
        if status != 200:
            return status, {}
    raise SignInFailed("sso_answer_invalid")


class _Bearer:
    def __init__(self, token: str) -> None:
        self._token = token

    @property
    def header(self) -> str:
        return f"Bearer {self._token}"
