"""Keeps secrets out of logs, whoever logs: Django, the web server, other packages, the portal.

The portal doesn't log its secrets, but a request's path can be one: the link of an invitation or of a new password.
`RedactedRecord` redacts each record when it is made, before any handler gets it.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import TypeAlias

REDACTED = "[redacted]"
ExcInfo: TypeAlias = "tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None] | None"


def _encoded(path: str) -> str:
    """Return a pattern for a path, each character as it is or percent-encoded any number of times, such as in
    `?next=`."""
    return "".join(f"(?:{re.escape(char)}|%(?:25)*{ord(char):02x})" for char in path)


_SLASH = _encoded("/")
SECRET_PATHS = ("invitations/", "accounts/password/reset/key/", "accounts/confirm-email/", "accounts/address/")
"""What precedes a secret in a path. The rest of the line is redacted: a damaged link may contain anything."""
_PATH = re.compile(
    rf"((?:{_SLASH}|(?<![\w%]))(?<!settings/)(?:{'|'.join(map(_encoded, SECRET_PATHS))}))"
    rf"(?!accept{_SLASH}?(?:[\s\"'?&]|$))[^\r\n\"\s][^\r\n\"]*",
    re.IGNORECASE,
)
# Node tokens, sessions, invitations, enrolment codes, links of passwords; API keys; signing secrets of webhooks; JWTs.
_BEGIN = r"(?:\b|(?<=_)|(?<=%[0-9a-f]{2}))"  # also behind what is percent-encoded, such as the = in `%3D`
_TOKEN = re.compile(
    rf"{_BEGIN}(dr[a-z]_)[A-Za-z0-9_-]{{8,}}|{_BEGIN}(drayage_)[A-Za-z0-9_-]{{32,}}"
    rf"|{_BEGIN}(whsec_)[A-Za-z0-9+/=_-]{{8,}}|{_BEGIN}(eyJ)[A-Za-z0-9_-]{{8,}}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*",
    re.IGNORECASE,
)
# What browsers and programs present in headers, and passwords in addresses of services.
_PRESENTED = re.compile(
    r"(\b(?:bearer|basic) +|sessionid=|csrftoken=)[A-Za-z0-9+/=_.~-]{16,}|(://[^\s/:@\"']*:)[^\s/@\"']+(?=@)",
    re.IGNORECASE,
)
_NAMED = "access_?token|api_?key|client_?secret|id_?token|passwd|password|refresh_?token|secret|token"
_QUERY = re.compile(
    rf"([?&](?:code|key|q)=|(?:(?<![a-z0-9-])|(?<=%[0-9a-f]{{2}}))(?:[a-z]{{1,20}}_)?(?:{_NAMED})(?:=|%(?:25)*3d)[\"']?)"
    r"[^&;\s\"']+",
    re.IGNORECASE,
)
"""Of a query or a form. Names that others use for what is no secret count only in an address."""


def redact(text: str) -> str:
    """Return a text without the secrets that the portal makes, and without what follows the paths of secret links."""
    text = _PATH.sub(rf"\1{REDACTED}", text)
    for secrets in (_TOKEN, _PRESENTED):
        text = secrets.sub(lambda found: f"{next(filter(None, found.groups()))}{REDACTED}", text)
    return _QUERY.sub(rf"\1{REDACTED}", text)


def redact_value(value: object) -> object:
    """Return a value of a log record with all texts in it redacted."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: redact_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(repr(value))


def redact_event(logger: object, name: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """Redact a record of structlog's: a processor, to be the last before the renderer."""
    return {key: redact_value(value) for key, value in event.items()}


class RedactedRecord(logging.LogRecord):
    """A log record without secrets in its message and its traceback."""

    def __init__(
        self,
        name: str,
        level: int,
        pathname: str,
        lineno: int,
        msg: object,
        args: tuple[object, ...] | Mapping[str, object] | None,
        exc_info: ExcInfo,
        func: str | None = None,
        sinfo: str | None = None,
    ) -> None:
        super().__init__(name, level, pathname, lineno, msg, args, exc_info, func, sinfo)
        if isinstance(msg, dict):  # structlog's
            self.msg = redact_value(msg)
        else:
            self._redact_message()
        if exc_info and exc_info[0] is not None:
            self.exc_text = redact("".join(traceback.format_exception(*exc_info)).rstrip("\n"))

    def _redact_message(self) -> None:
        try:
            message = self.getMessage()
        except (TypeError, ValueError, KeyError):  # arguments that don't fit: the handler reports that, without them
            self.msg, self.args = redact(str(self.msg)), ()
            return
        redacted = redact(message)
        if redacted != message:
            self.msg, self.args = redacted, ()


def install() -> None:
    """Have every log record of this process redacted."""
    logging.setLogRecordFactory(RedactedRecord)
