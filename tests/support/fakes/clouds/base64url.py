"""Base64url without padding, as in JWTs."""

from __future__ import annotations

import base64


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
