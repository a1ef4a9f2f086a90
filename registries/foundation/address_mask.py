"""Addresses without their secret parts. Services such as Slack put the secret of a webhook into its path or query."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

HIDDEN_PART = "…"
"""No address has this character, so nobody can save an address that was shown like this."""
_WORD = re.compile(r"[A-Za-z][A-Za-z._-]{0,23}|[a-z]{1,12}-?[0-9]{1,3}|[0-9]{1,4}")
MAX_CAPITALS = 3


def mask_address(address: str) -> str:
    """Return the address with its user, the values of its query, and what is no plain word in its path replaced by
    HIDDEN_PART. An address that can't be read is hidden altogether."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return HIDDEN_PART
    if not parts.scheme or not parts.netloc:
        return HIDDEN_PART if address else ""
    _, at, host = parts.netloc.rpartition("@")
    user = HIDDEN_PART if at else ""
    path = "/".join(segment if _is_plain(segment) else HIDDEN_PART for segment in parts.path.split("/"))
    query = "&".join(_masked_parameter(parameter) for parameter in parts.query.split("&")) if parts.query else ""
    fragment = HIDDEN_PART if parts.fragment else ""
    return f"{parts.scheme}://{user}{at}{host}{path}{'?' if query else ''}{query}{'#' if fragment else ''}{fragment}"


def _is_plain(segment: str) -> bool:
    return not segment or (
        _WORD.fullmatch(segment) is not None and sum(character.isupper() for character in segment) <= MAX_CAPITALS
    )


def _masked_parameter(parameter: str) -> str:
    name, equals, value = parameter.partition("=")
    shown = name if _is_plain(name) else HIDDEN_PART
    return f"{shown}={HIDDEN_PART if value else ''}" if equals else shown
