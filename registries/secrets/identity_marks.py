"""The mark of an organization's or project's uuid: an HMAC-SHA256 with a key of the web zone, which workers hold too.

Tokens say by these uuids for whom an image is pulled. Who can only write to the database can't give an organization the
uuid of another one, and so have the portal sign tokens for it.
"""

from __future__ import annotations

import hmac
from enum import StrEnum
from uuid import UUID

from registries.secrets import keyring


class Kind(StrEnum):
    """What has the uuid. The same one has another mark in another table."""

    ORGANIZATION = "organization"
    PROJECT = "project"


def mark_of(kind: Kind, uuid: UUID, *keys: int) -> str:
    """Return the mark of the uuid, 64 hexadecimal digits. `keys` are the row's primary key and, for a project, that of
    its organization. Raises `keyring.KeyUnavailable`."""
    message = "|".join(["drayage identity 1", kind.value, str(uuid), *map(str, keys)]).encode()
    return hmac.digest(keyring.keyless_key("identities"), message, "sha256").hex()


def is_marked(mark: str, kind: Kind, uuid: UUID, *keys: int) -> bool:
    """Whether `mark_of` made the mark from these. Raises `keyring.KeyUnavailable`."""
    return hmac.compare_digest(mark_of(kind, uuid, *keys).encode(), mark.encode())
