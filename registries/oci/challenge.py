"""Reads `WWW-Authenticate` (RFC 9110, section 11.6.1): several challenges in one header, bounded and linear.

`registries.oci.auth` decides what to do about a challenge.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MAX_HEADER_LENGTH = 16 * 1024
MAX_CHALLENGES = 8
MAX_PARAMETERS = 16

_GAP = re.compile(r"[ \t,]*+")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]++")
_EQUALS = re.compile(r"[ \t]*+=[ \t]*+")
_QUOTED = re.compile(r'"((?:[^"\\]++|\\.)*+)"')
_TOKEN68 = re.compile(r"[ \t]++[A-Za-z0-9._~+/-]++=*+(?=[ \t]*+(?:,|\Z))")
_ESCAPED = re.compile(r"\\(.)")


@dataclass
class Challenge:
    """One way to authenticate: `scheme` in lower case, parameter names too."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)


def parse(header: str) -> list[Challenge]:
    """Return the challenges of a header in order, up to the first part that can't be read. Raises nothing."""
    found: list[Challenge] = []
    header = header[:MAX_HEADER_LENGTH]
    at = 0
    while True:
        at = _end(_GAP, header, at)
        token = _TOKEN.match(header, at)
        if token is None:
            return found
        at = token.end()
        equals = _EQUALS.match(header, at)
        if equals is None:
            if len(found) == MAX_CHALLENGES:
                return found
            found.append(Challenge(token[0].lower()))
            at = _end(_TOKEN68, header, at)
            continue
        value = _QUOTED.match(header, equals.end()) or _TOKEN.match(header, equals.end())
        if value is None or not found or len(found[-1].parameters) == MAX_PARAMETERS:
            return found
        text = _ESCAPED.sub(r"\1", value[1]) if value.re is _QUOTED else value[0]
        found[-1].parameters.setdefault(token[0].lower(), text)
        at = value.end()


def has_error(header: str, error: str) -> bool:
    """Whether a challenge of the header has this error code (RFC 6750, section 3.1)."""
    return any(offer.parameters.get("error", "").lower() == error for offer in parse(header))


def offers_tokens_only(header: str) -> bool:
    """Whether a repository wants a token, even if the ping wants the login: each may have a backend of its own."""
    schemes = {offer.scheme for offer in parse(header)}
    return "bearer" in schemes and "basic" not in schemes


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Return where `pattern` ends if it matches at `at`, else `at`."""
    match = pattern.match(text, at)
    return match.end() if match else at
