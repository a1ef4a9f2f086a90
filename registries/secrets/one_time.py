"""Secrets that the portal creates, shows once and stores only as a digest: node tokens, enrolment codes, invitations
and API keys. The prefix lets people and scanners recognise a leaked one."""

from __future__ import annotations

import hashlib
import re
import secrets

RANDOM_BYTES = 32


def new(prefix: str) -> tuple[str, str]:
    """Return a secret (`prefix` and 43 random base64url characters) and its digest."""
    text = prefix + secrets.token_urlsafe(RANDOM_BYTES)
    return text, digest_of(text)


def digest_of(text: str) -> str:
    """Return what the database stores of a secret: its SHA-256 as 64 hexadecimal digits. The secret has 256 random
    bits, so a fast hash without salt is enough."""
    return hashlib.sha256(text.encode()).hexdigest()


def has_form(text: str, prefix: str) -> bool:
    """Whether `text` has the form of a secret with `prefix`. Anything else is refused without a query."""
    return re.fullmatch(re.escape(prefix) + "[A-Za-z0-9_-]{43}", text) is not None
