"""What a failure of a pull is: its code, whose move it is, its words and parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from registries.failures.services import Service, names_of

MAX_RAW_LENGTH = 80
_MAX_NAMES = {"host": 260, "met": 260, "repository": 255, "issuer": 260, "subject": 400, "audience": 260}
"""Names that are shown whole: one that is cut short can't be looked up, or compared with another."""


class Fault(StrEnum):
    """Who can fix it."""

    CUSTOMER = "customer"
    REGISTRY = "registry"
    US = "us"


@dataclass(frozen=True)
class Words:
    """What a person reads: a title, what happened, and what to do next."""

    title: str
    text: str
    remedy: str


@dataclass(frozen=True)
class RegistryResponse:
    """The registry's response, which `registries.providers` may interpret differently. Never stored or logged.

    `stage` is one of `oci.errors.Stage`. `code` and `message` are from the error body; the message is in lower case and
    untrusted. `login` says whether credentials were sent. `service` is which of the registry's services answered, `met`
    its `host[:port]`; "" where that is the registry's own. `is_page` is whether the body was a web page.
    """

    stage: str
    status: int
    code: str = ""
    message: str = field(default="", repr=False)
    login: bool = False
    host: str = ""
    repository: str = ""
    version: str = ""
    service: str = Service.REGISTRY
    met: str = ""
    is_page: bool = False

    @property
    def own_words(self) -> str:
        """The message without the names of the repository, its parts and the version, which may be any words."""
        names = sorted({self.repository, *self.repository.split("/"), self.version} - {""}, key=len)
        message = self.message
        for name in reversed(names):
            message = re.sub(rf"(?<![\w.-]){re.escape(name.lower())}(?![\w.-])", "", message)
        return message


class PullFailed(Exception):
    """Base of all failures of a pull.

    `retryable` is whether the same request can succeed later; an instance may differ from its class.
    `keeps_credential` is whether the credential stays for its time after a final failure: everywhere but where it is
    itself what failed, since entering it again mends nothing.

    `cases` has other words for values of the parameter `case`. `params` fill the placeholders; they are stored and
    shown, so they never contain a secret, a remote body, a header or a resolved address. A failure that comes from a
    response or a connection has `service`, which of the three services of the registry it was (`Service`), and `met`,
    the `host[:port]` that was asked; its words name them with the placeholders of `services.names_of`. `raw` is the
    registry's status and code (such as `401 UNAUTHORIZED`), for support. `retry_after` is in seconds, if the registry
    named one.
    """

    code: ClassVar[str]
    fault: ClassVar[Fault]
    retryable: bool = False
    keeps_credential: bool = True
    title: ClassVar[str]
    text: ClassVar[str]
    remedy: ClassVar[str]
    cases: ClassVar[dict[str, Words]] = {}
    response: RegistryResponse | None = None

    def __init__(
        self, *, raw: str = "", retry_after: float | None = None, retryable: bool | None = None, **params: str | int
    ) -> None:
        super().__init__(self.code)
        self.raw = printable(raw)
        self.retry_after = retry_after
        if retryable is not None:
            self.retryable = retryable
        self.params: dict[str, str | int] = {
            name: printable(value, _MAX_NAMES.get(name, MAX_RAW_LENGTH)) if isinstance(value, str) else value
            for name, value in params.items()
        }

    @property
    def words(self) -> Words:
        """The texts that people read."""
        return describe(self.code, self.params)

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if cls.code in FAILURES:
            raise TypeError(f"two failures with the code {cls.code}")
        FAILURES[cls.code] = cls


FAILURES: dict[str, type[PullFailed]] = {}


class _Blank(dict[str, object]):
    """Values with an ellipsis for each placeholder that an older row has no value for."""

    def __missing__(self, key: str) -> str:
        return "…"


def describe(code: str, params: Mapping[str, object]) -> Words:
    """Return the texts of a stored failure. A code that no longer exists is shown as `unexpected`."""
    failure = FAILURES.get(code) or FAILURES["unexpected"]
    plain = Words(failure.title, failure.text, failure.remedy)
    words = failure.cases.get(str(params.get("case")), plain)
    values = _Blank({**params, **names_of(params)})
    return Words(*(text.format_map(values) for text in (words.title, words.text, words.remedy)))


def printable(text: str, limit: int = MAX_RAW_LENGTH) -> str:
    """Return remote text that is safe to log and show: one line of at most `limit` characters, all printable."""
    flat = re.sub(r"\s+", " ", text).strip()
    kept = "".join(character for character in flat if character.isprintable())
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"
