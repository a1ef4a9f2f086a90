"""Secrets that the portal creates, shows once and stores only as a digest: tokens and sessions of nodes, enrolment
codes, invitations, API keys and links of passwords. The prefix lets people and scanners recognize a leaked one.

    digest   HMAC-SHA256 of the purpose, the owner where there is one, and the secret's SHA-256
    seal     HMAC-SHA256 of a digest and of the columns of its row that say what the secret gives

Both have a key of the web zone. Who can only write to the database can't make a row for a secret that he knows, use the
digest of one table in another, or have a secret of his own give more than it was created for.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from enum import StrEnum

from registries.secrets import keyring

RANDOM_BYTES = 32
_VERSION = "1."
"""In front of digests and seals. Earlier releases stored the SHA-256 alone, as 64 hexadecimal digits."""
_EARLIER = re.compile(r"[0-9a-f]{64}")


class Purpose(StrEnum):
    """What a secret is for. One of another purpose has another digest."""

    ADDRESS_LINK = "address link"
    API_KEY = "api key"
    ENROLMENT = "enrolment"
    KNOWN_BROWSER = "known browser"
    INVITATION = "invitation"
    NODE_SESSION = "node session"
    NODE_TOKEN = "node token"  # noqa: S105 (a purpose)
    PASSWORD_LINK = "password link"  # noqa: S105
    SIGN_IN_LIMIT = "sign-in limit"
    SSO_STATE = "single sign-on state"
    LOGOUT_TOKEN = "logout token"  # noqa: S105


def new(prefix: str) -> str:
    """Return a secret: `prefix` and 43 random base64url characters."""
    return prefix + secrets.token_urlsafe(RANDOM_BYTES)


def digest_of(text: str, purpose: Purpose, owner: str = "") -> str:
    """Return what the database stores of a secret, 45 characters. `owner` names whose it is, where that is known before
    the row is read. The secret has 256 random bits, so a fast hash without salt is enough. Raises
    `keyring.KeyUnavailable`."""
    return keyed(hashlib.sha256(text.encode()).hexdigest(), purpose, owner)


def keyed(sha256: str, purpose: Purpose, owner: str = "") -> str:
    """Return `digest_of` the secret with this SHA-256, in hexadecimal digits."""
    return _mac("digest", purpose, owner, sha256)


def is_earlier(digest: str) -> bool:
    """Whether an earlier release stored this digest: it has no key."""
    return _EARLIER.fullmatch(digest) is not None


def seal_of(digest: str, purpose: Purpose, *columns: str) -> str:
    """Return the seal of a row with this digest and these columns, 45 characters. Raises `keyring.KeyUnavailable`."""
    return _mac("seal", purpose, digest, *columns)


def is_sealed(seal: str, digest: str, purpose: Purpose, *columns: str) -> bool:
    """Whether `seal_of` made the seal from these."""
    return hmac.compare_digest(seal_of(digest, purpose, *columns).encode(), seal.encode())


def has_form(text: str, prefix: str) -> bool:
    """Whether `text` has the form of a secret with `prefix`. Anything else is refused without a query."""
    return re.fullmatch(re.escape(prefix) + "[A-Za-z0-9_-]{43}", text) is not None


def _mac(*fields: str) -> str:
    """The fields are preceded by their lengths, so that no two lists of fields are alike."""
    message = b"".join(len(part).to_bytes(4) + part for part in (field.encode() for field in fields))
    made = hmac.digest(keyring.digests_key(), message, "sha256")
    return _VERSION + base64.urlsafe_b64encode(made).decode().rstrip("=")
