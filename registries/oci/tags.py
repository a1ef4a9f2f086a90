"""Reads one page of a repository's tags, and where the next one is (distribution specification, "Listing tags")."""

from __future__ import annotations

import re

from registries.failures import RegistryUnreachable, Where
from registries.oci import location, registry_json
from registries.oci.location import Location
from registries.oci.reference import is_tag
from registries.oci.strict_json import JsonInvalid

MAX_TAGS = 1000
MAX_PAGES = 10
PAGE_SIZE = 100
"""Every registry supports this many; some refuse larger pages."""
MAX_PAGE_BYTES = 4 * 1024 * 1024
"""Limit of one page in bytes. Google's also has the sizes and dates of every manifest."""

_MAX_LINK_LENGTH = 8192
_ENTRY = re.compile(r'[\s,]*<([^<>]{1,2048})>((?:[^,<>"]|"[^"]*")*)')
_NEXT = re.compile(r';\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next\s*(?:;|\Z))', re.IGNORECASE)


def read_page(body: bytes | None, where: Where) -> list[str]:
    """Return the valid tags of one response, sent from `where`. Raises `RegistryUnreachable` if it is not a list of
    tags."""
    try:
        tags = registry_json.read_object(body or b"", MAX_PAGE_BYTES).get("tags")
    except JsonInvalid:
        tags = ""
    if tags is None:  # a repository without any
        return []
    if not isinstance(tags, list):
        raise RegistryUnreachable(case="answer", reason="its list of tags can't be read", raw="tags", **where)
    return [tag for tag in tags if isinstance(tag, str) and is_tag(tag)]


def next_page(link: str, here: str, home: Location) -> str | None:
    """Return the address of the page after `here` as its Link header (RFC 8288) says it; None if there is none.

    Registries behind a proxy often name a scheme and host that only they know. Path and query count, and every page
    comes from `home`'s origin.
    """
    for address, parameters in _ENTRY.findall(link[:_MAX_LINK_LENGTH]):
        if _NEXT.search(parameters):
            try:
                return location.read_within(address, here, home).url
            except location.LocationInvalid:
                return None
    return None
