"""Which failure a response, or the lack of one, means.

Decided by stage, HTTP status and the error code of the distribution specification. The registry's own text is not
repeated: `raw` holds status and code. `registries.providers` has the meanings that differ between kinds of registry.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

from registries.failures import (
    AccessDenied,
    AuthenticationFailed,
    ImageNotFound,
    PullFailed,
    RateLimited,
    RegistryRefuses,
    RegistryResponse,
    RegistryUnreachable,
    Service,
    Unexpected,
    Where,
    printable,
)

SHORT_BODY = 64 * 1024
"""Limit for bodies that are read for an error code or a token, in bytes."""
MAX_BLANKS = 1024
"""How many bytes of a document are searched for its beginning."""
MAX_WAIT = 3600.0
"""Limit for the pause that a registry may ask for, in seconds."""

_PASSING = frozenset({409, 421, 423, 424, 425, 499})
"""Conflict, Misdirected Request, Locked, Failed Dependency, Too Early, and nginx's "client closed request": about the
moment, not about the request."""
_REFUSALS = {402: "payment", 412: "policy", 451: "legal"}
_CAN_BE_POLICY = frozenset({403, 405, 409, 412, 422})
_POLICY_WORDS = ("blocking policy", "blocked by policy", "policy violation", "quarantine", "violates the policy")
"""In lower case. JFrog Xray, Harbor, Nexus Firewall and Cloudsmith put a block in such words, some of them as a 403."""
_CAN_BE_LIMIT = frozenset({400, 401, 403, 429})
_LIMIT_WORDS = ("rate limit", "rate exceeded", "too many requests", "quota exceeded for quota metric")
_LOGIN_LIMIT_WORDS = (
    "too many failed",
    "too many login",
    "recurrent login failures",
    "temporarily locked",
    "temporarily blocked",
)
"""In lower case. Many say with another status than 429 that they limit requests, or logins after some wrong ones:
GitHub, Google, Docker Hub, Quay and Artifactory. It passes, and the credential may be right."""
_ABOUT_NAMES = ("NAME_", "TAG_", "MANIFEST_", "BLOB_", "DIGEST_")
"""How the codes of the distribution specification begin with which a 400 is about the image's name."""

_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,39}")
_TAGS = re.compile(r"<[^<>]{0,500}>")
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
    service: str = Service.REGISTRY,
    met: str = "",
) -> PullFailed:
    """Return the failure that a status other than success means, with its `response`, which the
    provider may interpret differently. `login` says whether credentials were sent. `service` and `met` are which of the
    registry's services answered, at which `host[:port]`; "" is `host`.
    """
    response = RegistryResponse(
        stage, status, error_code(body), error_message(body), login, host, repository, version, service, met or host
    )
    response = replace(response, is_page=True) if is_page(body) else response
    failure = _classify(response, retry_after(headers))
    failure.response = response
    return failure


def _classify(response: RegistryResponse, wait: float | None) -> PullFailed:
    stage, status, code = response.stage, response.status, response.code
    raw = f"{status} {code}".strip()
    where: Where = {"host": response.host, "service": response.service, "met": response.met}
    if status == 429 or code == "TOOMANYREQUESTS" or _says(response, _LIMIT_WORDS + _LOGIN_LIMIT_WORDS):
        limited = RateLimited(raw=raw, retry_after=wait, **where)
        limited.params |= {"case": "logins"} if _says(response, _LOGIN_LIMIT_WORDS) else {}
        return limited
    if status >= 500 or status == 408:
        reason = f"it answered with an error of its own ({status})"
        return RegistryUnreachable(case="answer", reason=reason, raw=raw, retry_after=wait, **where)
    if case := _refusal_case(response):
        is_passing = case == "busy"
        return RegistryRefuses(reply=raw, case=case, raw=raw, retry_after=wait, retryable=is_passing, **where)
    if stage is Stage.PING:
        return _ping_failure(response, raw, where)
    if stage is Stage.TOKEN:
        return _token_failure(response, raw, where)
    if status in {401, 403} or code == "DENIED":
        return _denied(response, raw, where)
    if status in {404, 410} or (status == 400 and code.startswith(_ABOUT_NAMES)):
        missing = ImageNotFound(repository=response.repository, version=response.version, raw=raw, **where)
        missing.params |= {"case": "layer"} if stage is Stage.BLOB else {}
        return missing
    return _other_failure(response, "it did not send what was asked for", raw, where)


def _refusal_case(response: RegistryResponse) -> str:
    """Return the case of `RegistryRefuses` that status, code or message mean; "" where they say no more than that
    something is refused."""
    message = response.own_words
    is_policy = "POLICY" in response.code or any(words in message for words in _POLICY_WORDS)
    if is_policy and response.status in _CAN_BE_POLICY:
        return "policy"
    return "busy" if response.status in _PASSING else _REFUSALS.get(response.status, "")


def _says(response: RegistryResponse, limit_words: tuple[str, ...]) -> bool:
    return response.status in _CAN_BE_LIMIT and any(words in response.own_words for words in limit_words)


def _denied(response: RegistryResponse, raw: str, where: Where) -> AccessDenied:
    failure = AccessDenied(repository=response.repository, raw=raw, **where)
    case = denied_case(response)
    failure.params |= {"case": case} if case else {}
    return failure


def denied_case(response: RegistryResponse) -> str:
    """Return the case of `AccessDenied`: a web page is a proxy's or firewall's rather than a registry's, and where no
    credentials were sent, none were refused."""
    if response.is_page and response.status == 403:
        return "page"
    return "" if response.login else "none_given"


def _ping_failure(response: RegistryResponse, raw: str, where: Where) -> PullFailed:
    if response.status == 401:
        return AuthenticationFailed(raw=raw, **where)
    reason = "it does not answer as a container registry"
    if response.status in {400, 403, 404, 405, 410}:
        return RegistryUnreachable(case="answer", reason=reason, raw=raw, **where)
    return _other_failure(response, reason, raw, where)


def _token_failure(response: RegistryResponse, raw: str, where: Where) -> PullFailed:
    if response.status == 400 and response.is_page:  # a proxy's, which has not looked at the credentials
        return _other_failure(response, "", raw, where)
    if response.status in {400, 401} and response.login:
        return AuthenticationFailed(raw=raw, **where)
    if response.status in {400, 401, 403, 405} or response.code == "DENIED":
        return _denied(response, raw, where)
    reason = "it did not give a token"
    if response.status in {404, 410}:
        return RegistryUnreachable(case="answer", reason=reason, raw=raw, **where)
    return _other_failure(response, reason, raw, where)


def _other_failure(response: RegistryResponse, reason: str, raw: str, where: Where) -> PullFailed:
    if 400 <= response.status < 500:
        return RegistryRefuses(reply=raw, raw=raw, **where)
    if 200 <= response.status < 400:
        return RegistryUnreachable(case="answer", reason=reason, raw=raw, **where)
    return Unexpected(raw=f"{response.stage} {raw}")


def is_page(body: bytes) -> bool:
    """Whether a body is a web page. An error of an object store is XML too, and none."""
    start = body[:MAX_BLANKS].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith(b"<") and b"<error>" not in start


def error_code(body: bytes) -> str:
    """Return the first error code of a distribution error body, or an empty string."""
    try:
        code = json.loads(body)["errors"][0]["code"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def is_json_document(body: bytes) -> bool:
    """Whether a body that came with a success may be a document of the registry's: a JSON object other than an error.
    A web page of a proxy or of a sign-in, an empty body and an error with status 200 are none."""
    start = body[:MAX_BLANKS].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start.startswith(b"{"):
        return False
    return len(body) > SHORT_BODY or not error_code(body)


def error_message(body: bytes) -> str:
    """Return the message of an error body in lower case, at most 500 characters. In addition to the distribution
    format, some registries use the top-level fields `details`, `message` and `error`. Of a page or plain text, only
    what blocks an image by a policy is a message: anything else may be from a proxy."""
    try:
        document = json.loads(body)
        listed = document.get("errors")
        first = listed[0] if isinstance(listed, list) and listed else document
        texts = [first.get(name) for name in ("message", "detail", "details", "error")]
        texts += _resource(first.get("detail"))
    except (ValueError, AttributeError, RecursionError):
        page = printable(_TAGS.sub(" ", body[:SHORT_BODY].decode("utf-8", "replace")), 500).lower()
        return page if any(words in page for words in _POLICY_WORDS) else ""
    return printable(" ".join(text for text in texts if isinstance(text, str)), 500).lower()


def _resource(detail: object) -> list[object]:
    """Return what an error's detail says is not granted, in the form of a scope: `repository:team/app:pull`."""
    entry = detail[0] if isinstance(detail, list) and detail else None
    if not isinstance(entry, Mapping):
        return []
    return [":".join(str(entry.get(name, "")) for name in ("Type", "Name", "Action"))]


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
