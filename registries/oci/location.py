"""Addresses that a registry sends (redirects, token services, next pages), read in exactly one way.

Scheme, host and port are read strictly: user names, unusual ports and letters that URL parsers disagree about are
refused. Path and query go out byte for byte, because many are signed. Only what HTTP forbids in a request target is
escaped (RFC 9112, section 3.2.1; RFC 3986, sections 3.3 and 3.4), and what could end or split the request line is
refused. The callers and `registries.oci.address_guard` decide whether an address may be used.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass

MAX_ADDRESS_LENGTH = 8 * 1024

# RFC 3986, appendix B. The fragment is not sent.
_REFERENCE = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://([^/?#]*))?([^?#]*)(\?[^#]*)?(?:#.*)?")
# No control character, and one byte each.
_LETTERS = re.compile(r"[\x20-\x7e\x80-\xff]+")
_AUTHORITY = re.compile(r"([a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::([1-9][0-9]{0,4}))?")
_FORBIDDEN = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9._~!$&'()*+,;=:@/?%-]")
_PORTS = {"https": 443, "http": 80}


class LocationInvalid(ValueError):
    """An address that can't be read in exactly one way."""


@dataclass(frozen=True)
class Location:
    """An absolute http(s) address. `target` is its path and query, exactly as they go out. An Authorization header is
    not sent to another `origin`."""

    scheme: str
    host: str
    port: int
    url: str
    target: str

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """`host`, with the port where it is not the scheme's own."""
        return self.host if self.port == _PORTS[self.scheme] else f"{self.host}:{self.port}"

    def keeps_authorization(self, there: Location) -> bool:
        """Whether what was sent here may be sent `there` too: the same origin, or the same host over TLS at the port
        that goes with it."""
        if self.origin == there.origin:
            return True
        is_upgraded = (self.scheme, there.scheme) == ("http", "https") and self.host == there.host
        return is_upgraded and (self.port == there.port or (self.port, there.port) == (80, 443))


def read(text: str, base: str | None = None) -> Location:
    """Read an absolute address, or one relative to `base`, which `read` returned. Letters beyond ASCII are bytes, as
    http.client decodes them. Raises `LocationInvalid`."""
    scheme, authority, path, query = _split(text)
    if scheme is None and base is not None:
        scheme, base_authority, base_path, base_query = _split(base)
        if authority is None:
            authority = base_authority
            path, query = _merge(base_path, base_query, path, query)
    matched = _AUTHORITY.fullmatch((authority or "").lower())
    if scheme not in _PORTS or matched is None:
        raise LocationInvalid("authority")
    port = int(matched[2]) if matched[2] else _PORTS[scheme]
    if port > 65535:
        raise LocationInvalid("port")
    host = matched[1].removesuffix(".")
    if not all(host.split(".")):
        raise LocationInvalid("authority")
    shown_port = f":{matched[2]}" if matched[2] else ""
    target = _FORBIDDEN.sub(_escaped, (path or "/") + query)
    url = f"{scheme}://{host}{shown_port}{target}"
    if len(url) > MAX_ADDRESS_LENGTH:
        raise LocationInvalid("letters")
    return Location(scheme, host, port, url, target)


def read_within(text: str, base: str, home: Location) -> Location:
    """Read an address, which may be relative to `base`, as one on the origin of `home`, whichever scheme and host it
    names. Raises `LocationInvalid`."""
    with suppress(LocationInvalid):
        found = read(text, base)
        if found.origin == home.origin:
            return found
    _, authority, path, query = _split(text)
    if authority is None or "@" in authority:
        raise LocationInvalid("authority")
    return read(f"{home.url.removesuffix(home.target)}{path or '/'}{query}")


def _split(text: str) -> tuple[str | None, str | None, str, str]:
    """Return scheme (in lower case), authority, path, and query with its question mark. The first two are None where
    the text doesn't name them."""
    text = text.strip(" \t")
    if not text or len(text) > MAX_ADDRESS_LENGTH or not _LETTERS.fullmatch(text):
        raise LocationInvalid("letters")
    parts = _REFERENCE.fullmatch(text)
    if parts is None:
        raise LocationInvalid("syntax")
    scheme, authority, path, query = parts.groups()
    if "\\" in path:  # which browsers read as a slash
        raise LocationInvalid("letters")
    return scheme and scheme.lower(), authority, path, query or ""


def _merge(base: str, base_query: str, path: str, query: str) -> tuple[str, str]:
    """Return the path and query that a relative address means (RFC 3986, section 5.2). A path that begins with a slash
    may be signed as it is."""
    if not path:
        return base, query or base_query
    if path.startswith("/"):
        return path, query
    segments = f"{base.rpartition('/')[0]}/{path}".split("/")
    kept: list[str] = []
    for segment in segments[1:]:
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    return f"/{'/'.join(kept)}", query


def _escaped(forbidden: re.Match[str]) -> str:
    return f"%{ord(forbidden[0]):02X}"
