"""Bearer tokens, as token services give them (distribution specification, token authentication)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from registries.failures import RegistryUnreachable, Where
from registries.oci import registry_json
from registries.oci.errors import SHORT_BODY
from registries.oci.registry_json import names_twice
from registries.oci.strict_json import JsonInvalid

DEFAULT_LIFETIME = 60.0
MAX_LIFETIME = 3600.0
_MARGIN = 0.1  # the part of a token's lifetime that is not used

_TOKEN = re.compile(r"[!-~]{1,16384}")


@dataclass(eq=False)
class Token:
    """A bearer token, valid until `valid_until` (monotonic seconds). `is_proved` once a request with it succeeded;
    `is_second` if the registry called the one before it invalid when it was new. `scopes` are what it was asked for."""

    text: str = field(repr=False)
    valid_until: float
    is_proved: bool = False
    is_second: bool = False
    scopes: tuple[str, ...] = ()

    @property
    def header(self) -> str:
        """The value of the Authorization header."""
        return f"Bearer {self.text}"


def read_token(body: bytes, asked_at: float, where: Where) -> Token:
    """Return the token of a response's body, whose lifetime counts from `asked_at` (monotonic seconds). Raises
    `RegistryUnreachable` if there is none."""
    try:
        document = registry_json.read_object(body, SHORT_BODY)
    except JsonInvalid:
        document = {}
    text = document.get("token") or document.get("access_token")
    if names_twice(document, "token", "access_token"):
        text = None
    if not isinstance(text, str) or not _TOKEN.fullmatch(text):
        raise RegistryUnreachable(case="answer", reason="it did not give a token", raw="no token", **where)
    lifetime = document.get("expires_in")
    if not isinstance(lifetime, (int, float)) or isinstance(lifetime, bool) or not lifetime >= 1:
        lifetime = DEFAULT_LIFETIME
    return Token(text, asked_at + min(float(lifetime), MAX_LIFETIME) * (1 - _MARGIN))
