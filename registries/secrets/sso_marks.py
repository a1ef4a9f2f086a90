"""The marks of rows that give single sign-on its power: an HMAC-SHA256 over their columns with a key of the web zone,
which workers hold too.

Who can only write to the database can't name another provider, send a browser elsewhere, link his identity to another
person's account, call a domain verified, or open an organization that is closed to other sign-ins.
"""

from __future__ import annotations

import base64
import hmac
from enum import StrEnum

from registries.secrets import keyring


class Marked(StrEnum):
    """What a mark is about. The same columns have another mark in another table."""

    PROVIDER = "provider"
    CONFIGURATION = "configuration"
    IDENTITY = "identity"
    DOMAIN = "domain"
    DOMAIN_RECORD = "record of a domain"
    OPENED = "opened organization"


def mark_of(what: Marked, *columns: object) -> str:
    """Return the mark of a row with these columns, 43 characters. Raises `keyring.KeyUnavailable`."""
    parts = [str(part).encode() for part in ("drayage single sign-on 1", what.value, *columns)]
    # Each part is preceded by its length, so that no two lists of columns are alike.
    message = b"".join(len(part).to_bytes(4) + part for part in parts)
    return base64.urlsafe_b64encode(hmac.digest(keyring.sso_key(), message, "sha256")).decode().rstrip("=")


def is_marked(mark: str, what: Marked, *columns: object) -> bool:
    """Whether `mark_of` made the mark from these columns. Raises `keyring.KeyUnavailable`."""
    return hmac.compare_digest(mark_of(what, *columns).encode(), mark.encode())
