"""The mark of a trust: an HMAC-SHA256 over what decides whom the portal asks, with a key of the web zone, which workers
hold too.

Who can only write to the database can't have another cloud, role or host asked in the name of an organization.
"""

from __future__ import annotations

import base64
import hmac
import json

from registries.models import Trust
from registries.secrets import keyring


def mark_of(row: Trust) -> str:
    """Return the mark of the row's columns, 43 letters of base64url. Raises `keyring.KeyUnavailable`."""
    values = [row.organization_id, row.project_id, str(row.pk), row.provider, row.host, row.settings]
    message = json.dumps(["drayage trust 1", *values], sort_keys=True).encode()
    digest = hmac.digest(keyring.keyless_key("trusts"), message, "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def is_marked(row: Trust) -> bool:
    """Whether the row says what was entered. Raises `keyring.KeyUnavailable`."""
    return hmac.compare_digest(mark_of(row).encode(), row.mark.encode())
