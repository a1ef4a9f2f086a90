"""Which failure a response, or the lack of one, means.

Decided by stage, HTTP status and the error code of the distribution specification. The registry's own text is not
repeated: `raw` holds status and code. `registries.providers` has the meanings that differ between kinds of registry.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

from registries.failures import (
    AccessDenied,
    AuthenticationFailed,
    ImageNotFound,
    PullFailed,
    RateLimited,
    RegistryResponse,
    RegistryUnreachable,
    TlsInvalid,
    Unexpected,
    printable,
)

SHORT_BODY = 64 * 1024
"""Limit for bodies that are read for an error code or a token, in bytes."""
MAX_WAIT = 3600.0
"""Limit for the pause that a registry may ask for, in seconds."""

NOT_TLS = "it does not speak TLS there"
BROKE_OFF = "it broke off the connection"
_TLS_FAILED = "the encrypted connection could not be established"
_NO_ANSWER = "it did not answer in time"
_REFUSED = "it refused the connection"

# OpenSSL's codes for an answer that is no record of TLS; an alert is one.
_ANSWERS_WITHOUT_TLS = frozenset({"WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG"})

_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,39}")
_SECONDS = re.compile(r"[0-9]+")


class Stage(StrEnum):
    """What the request was for."""

    PING = "ping"
    TOKEN = "token"  # noqa: S105
    MANIFEST = "manifest"
    BLOB = "blob"
    TAGS = "tags"


def response_failure(
    stage: Stage,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    host: str,
    repository: str = "",
    version: str = "",
    login: bool = False,
) -> PullFailed:
    """Return the failure that a status other than success means, with its `response`, which the
    provider may interpret differently. `login` says whether credentials were sent.
    """
    code = error_code(body)
    failure = _classify(stage, status, headers, code, host, repository, version, login)
    failure.response = RegistryResponse(stage, status, code, error_message(body), login, host, repository, version)
    return failure


def _classify(
    stage: Stage,
    status: int,
    headers: Mapping[str, str],
    code: str,
    host: str,
    repository: str,
    version: str,
    login: bool,
) -> PullFailed:
    raw = f"{status} {code}".strip()
    denied = AccessDenied(host=host, repository=repository, raw=raw)
    if status == 429 or code == "TOOMANYREQUESTS":
        return RateLimited(host=host, raw=raw, retry_after=retry_after(headers))
    if status >= 500 or status == 408:
        return RegistryUnreachable(
            host=host,
            reason=f"it answered with an error of its own ({status})",
            raw=raw,
            retry_after=retry_after(headers),
        )
    if stage is Stage.PING:
        if status == 401:
            return AuthenticationFailed(host=host, raw=raw)
        return RegistryUnreachable(host=host, reason="it does not answer as a container registry", raw=raw)
    if stage is Stage.TOKEN:
        if status in {400, 401}:
            return AuthenticationFailed(host=host, raw=raw) if login else denied
        if status in {403, 405} or code == "DENIED":
            return denied
        return RegistryUnreachable(host=host, reason="its token service did not give a token", raw=raw)
    if status in {401, 403} or code == "DENIED":
        return denied
    if status in {400, 404, 410}:
        return ImageNotFound(host=host, repository=repository, version=version, raw=raw)
    if 200 <= status < 400:
        return RegistryUnreachable(host=host, reason="it did not send what was asked for", raw=raw)
    return Unexpected(raw=f"{stage} {raw}")


def error_code(body: bytes) -> str:
    """Return the first error code of a distribution error body, or an empty string."""
    try:
        code = json.loads(body)["errors"][0]["code"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def error_message(body: bytes) -> str:
    """Return the message of an error body in lower case, at most 500 characters. In addition to the distribution
    format, some registries use the top-level fields `details`, `message` and `error`."""
    try:
        document = json.loads(body)
        listed = document.get("errors")
        first = listed[0] if isinstance(listed, list) and listed else document
        texts = [first.get(name) for name in ("message", "detail", "details", "error")]
    except (ValueError, AttributeError, RecursionError):
        return ""
    return printable(" ".join(text for text in texts if isinstance(text, str)), 500).lower()


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of `Retry-After`, between 1 and `MAX_WAIT`; None if it is missing or can't be read."""
    text = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(text):
        seconds = float(text[:12])
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, IndexError, TypeError, OverflowError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 1.0), MAX_WAIT)


def transport_failure(error: BaseException, host: str) -> PullFailed:
    """Return the failure that an exception of sockets, TLS or HTTP means."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return TlsInvalid(host=host, raw=f"certificate {cause.verify_code}")
    for cause in causes:
        if isinstance(cause, TimeoutError):
            return RegistryUnreachable(host=host, reason=_NO_ANSWER, raw="timeout")
        if isinstance(cause, ConnectionRefusedError):
            return RegistryUnreachable(host=host, reason=_REFUSED, raw="refused")
        if isinstance(cause, ssl.SSLError):
            if isinstance(cause, ssl.SSLEOFError):
                return RegistryUnreachable(host=host, reason=BROKE_OFF, raw="tls eof")
            code = str(getattr(cause, "reason", None) or "")
            reason = NOT_TLS if code in _ANSWERS_WITHOUT_TLS else _TLS_FAILED
            return RegistryUnreachable(host=host, reason=reason, raw=f"tls {code}".strip())
    return RegistryUnreachable(host=host, reason=BROKE_OFF, raw=type(causes[-1]).__name__)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that it wraps in any of the ways of requests and urllib3."""
    pending: list[BaseException] = [error]
    seen: set[int] = set()
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        wrapped = [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]
        pending += [other for other in wrapped if isinstance(other, BaseException)]
