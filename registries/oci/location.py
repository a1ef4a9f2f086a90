"""Addresses that a registry sends (redirects, token services), read strictly.

Whatever URL parsers may disagree about is refused: user names, backslashes, spaces, unusual ports. The callers and
`registries.oci.address_guard` decide whether an address may be used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

MAX_ADDRESS_LENGTH = 8 * 1024

# Printable ASCII without the characters at which parsers split addresses differently.
_LETTERS = re.compile(r"[!#-;=?-\[\]_a-z~%]+")
_AUTHORITY = re.compile(r"([a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::([1-9][0-9]{0,4}))?")
_PORTS = {"https": 443, "http": 80}


class LocationInvalid(ValueError):
    """An address that can't be read in exactly one way."""


@dataclass(frozen=True)
class Location:
    """An absolute http(s) address. An Authorization header is not sent to another `origin`."""

    scheme: str
    host: str
    port: int
    url: str

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """`host`, with the port where it is not the scheme's own."""
        return self.host if self.port == _PORTS[self.scheme] else f"{self.host}:{self.port}"


def read(text: str, base: str | None = None) -> Location:
    """Read an absolute address, or one relative to `base`. Raises `LocationInvalid`."""
    if len(text) > MAX_ADDRESS_LENGTH or not _LETTERS.fullmatch(text):
        raise LocationInvalid("letters")
    try:
        url = urljoin(base, text) if base else text
        parts = urlsplit(url)
    except ValueError:
        raise LocationInvalid("syntax") from None
    scheme = parts.scheme.lower()
    authority = _AUTHORITY.fullmatch(parts.netloc.lower())
    if scheme not in _PORTS or authority is None:
        raise LocationInvalid("authority")
    port = int(authority[2]) if authority[2] else _PORTS[scheme]
    if port > 65535:
        raise LocationInvalid("port")
    host = authority[1].removesuffix(".")
    if not all(host.split(".")):
        raise LocationInvalid("authority")
    shown_port = f":{authority[2]}" if authority[2] else ""
    rest = parts.path + (f"?{parts.query}" if parts.query else "")
    return Location(scheme, host, port, f"{scheme}://{host}{shown_port}{rest or '/'}")
