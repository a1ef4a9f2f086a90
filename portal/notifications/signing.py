"""Signatures of webhooks as Standard Webhooks has them, for which there are verifying libraries in most languages.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: what is signed is
`id.timestamp.body`, with HMAC-SHA256, and the header carries one `v1,<base64>` for each secret that is in force.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Iterable

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """Return a secret as the member gets it: `whsec_` and base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers(keys: Iterable[str], *, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the three headers that prove where a message comes from and when it was sent."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = [
        "v1," + base64.b64encode(hmac.digest(base64.b64decode(key.removeprefix(PREFIX)), signed, "sha256")).decode()
        for key in keys
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
