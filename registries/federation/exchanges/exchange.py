"""What all exchanges have: what is asked for, requests, and what an answer means that isn't the cloud's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlencode

from registries.failures import PullFailed, RateLimited, RegistryUnreachable, Service, TrustRefused, Unexpected, Where
from registries.oci.errors import SHORT_BODY, is_page, retry_after
from registries.oci.login import Login
from registries.oci.transport import Session
from registries.providers.base import Connect


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a token is exchanged for: the login of one registry, to pull one repository. `kind` is one of
    `TRUST_KINDS`, `settings` are the trust's, and `pull` is the id that the token carries."""

    kind: str
    host: str
    repository: str
    settings: Mapping[str, str]
    pull: str


Way: TypeAlias = Callable[[Exchange, str, Connect], Login]
"""Exchanges a token in the way of one cloud."""
Json: TypeAlias = "dict[str, object]"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of a service: its status, its body, the seconds to wait if it named them, and where it came from."""

    status: int
    body: bytes
    wait: float | None
    where: Where

    @property
    def document(self) -> Json:
        """The JSON object of the body, empty if it is none."""
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return document if isinstance(document, dict) else {}

    def text(self, name: str) -> str:
        """Return a member of the JSON object, empty if it is no text."""
        value = self.document.get(name)
        return value if isinstance(value, str) else ""


def post(
    session: Session, url: str, fields: Mapping[str, str] | bytes, headers: Mapping[str, str] | None = None
) -> Answer:
    """Send a form, or a JSON body, and read the answer. The session is closed. Raises the connection's failures."""
    is_form = not isinstance(fields, bytes)
    body = urlencode(fields).encode() if not isinstance(fields, bytes) else fields
    kind = "application/x-www-form-urlencoded" if is_form else "application/json"
    with closing(session):
        sent = {"Content-Type": kind, "Accept": "application/json", **(headers or {})}
        response = session.post(url, body, sent, service=Service.SIGN_IN)
        return Answer(response.status, response.read(SHORT_BODY) or b"", retry_after(response.headers), response.where)


def refused(answer: Answer, cloud: str, case: str, raw: str = "", setting: str = "") -> TrustRefused:
    """Return the refusal by a cloud whose name in a sentence is `cloud`. `setting` is the one that it doesn't know."""
    failure = TrustRefused(case=case, cloud=cloud, raw=f"{answer.status} {raw}".strip(), **answer.where)
    failure.params |= {"setting": setting} if setting else {}
    failure.retryable = case == "keys"  # the portal may have been out of reach for a moment
    return failure


def passing_failure(answer: Answer, cloud: str, raw: str = "") -> PullFailed | None:
    """Return the failure of an answer that isn't about the token: too many calls, an error of the service's own, a web
    page or a redirect. None for any other."""
    raw = f"{answer.status} {raw}".strip()
    if answer.status == 429:
        return RateLimited(raw=raw, retry_after=answer.wait, **answer.where)
    if answer.status >= 500 or answer.status == 408:
        reason = f"{cloud} answered with an error of its own ({answer.status})"
    elif 300 <= answer.status < 400:
        reason = f"{cloud} answered with a redirect"
    elif not answer.body.strip() or is_page(answer.body):
        reason = f"{cloud} answered with a web page or nothing"
    else:
        return None
    return RegistryUnreachable(case="answer", reason=reason, raw=raw, retry_after=answer.wait, **answer.where)


def no_token(answer: Answer, cloud: str) -> RegistryUnreachable:
    """Return the failure of a success that has no token in it."""
    return RegistryUnreachable(
        case="answer", reason=f"{cloud} did not give a token", raw=f"{answer.status} no token", **answer.where
    )


def other_failure(answer: Answer, raw: str = "") -> Unexpected:
    """Return the failure of an error that no exchange knows."""
    return Unexpected(raw=f"{answer.status} {raw}".strip(), **answer.where)
