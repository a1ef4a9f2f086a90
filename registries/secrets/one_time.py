"""Secrets that the portal makes, shows once and keeps only as a digest: node tokens, enrolment codes, invitations and
API keys. A prefix makes a leaked one recognisable, to people and to scanners."""

from __future__ import annotations

import hashlib
import re
import secrets

RANDOM_BYTES = 32


def new(prefix: str) -> tuple[str, str]:
    """Return a secret, `prefix` and 43 random characters of base64url, and its digest."""
    text = prefix + secrets.token_urlsafe(RANDOM_BYTES)
    return text, digest_of(text)


def digest_of(text: str) -> str:
    """Return what the database knows a secret by: its SHA-256, 64 hexadecimal digits. The secret has 256 random bits,
    so a fast hash without salt is enough."""
    return hashlib.sha256(text.encode()).hexdigest()


def has_form(text: str, prefix: str) -> bool:
    """Whether `text` may be a secret of that prefix. Anything else is refused without asking the database."""
    return re.fullmatch(re.escape(prefix) + "[A-Za-z0-9_-]{43}", text) is not None
