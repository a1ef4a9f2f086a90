"""The mark of what a member entered with a credential and is not secret: an HMAC-SHA256 with a key of the web zone.

Forms offer these values again when the secret is typed once more. Who can only write to the database can't have a form
offer an authority of his, with which he could read the secret on its way, or another user name.
"""

from __future__ import annotations

import base64
import hmac
import json

from registries.models import Credential
from registries.secrets import keyring


def mark_of(row: Credential) -> str:
    """Return the mark of the row's values, 43 letters of base64url. Raises `keyring.KeyUnavailable`."""
    values = [row.organization_id, str(row.pk), row.provider, row.host, row.repository, row.fields, row.ca]
    message = json.dumps(["drayage entered values 1", *values], sort_keys=True).encode()
    digest = hmac.digest(keyring.entered_values_key(), message, "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def is_marked(row: Credential) -> bool:
    """Whether the row's values are those that were entered. Raises `keyring.KeyUnavailable`."""
    return hmac.compare_digest(mark_of(row).encode(), row.entered_mark.encode())


def entered_values(row: Credential) -> dict[str, str]:
    """Return what was entered with a credential and is not secret, by field, for a form to offer again; nothing if the
    row says something else than was entered. Raises `keyring.KeyUnavailable`."""
    return {**row.fields, "ca": row.ca} if is_marked(row) else {}
