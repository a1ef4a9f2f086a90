"""What the database stores of a browser's session: a digest of its key, and its data encrypted.

The key is in the cookie and nowhere else. Who copies the database can neither present a session nor read what it holds,
such as the key of a password reset. The data is encrypted with AES-256-GCM and a key derived by HKDF (RFC 5869) from
the session's key and Django's secret key: reading takes the cookie, and who can only write to the database can't forge
a session.
"""

from __future__ import annotations

import base64
import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

NONCE_BYTES = 12
ROW_KEY_LENGTH = 40
"""Length of the primary key of Django's table of sessions."""
_INFO = b"drayage session data"


class SessionDataBroken(Exception):
    """The data was not encrypted for this session, or is damaged."""


def row_key(session_key: str) -> str:
    """Return the primary key of the session's row: the first 240 bits of the key's SHA-256, in base64url. A session key
    has 32 random letters and digits, so a fast hash without salt is enough."""
    digest = hashlib.sha256(session_key.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode()[:ROW_KEY_LENGTH]


def encrypt(plain: bytes, session_key: str) -> str:
    """Return nonce, ciphertext and tag as the text that is stored."""
    nonce = os.urandom(NONCE_BYTES)
    return base64.b64encode(nonce + _cipher(session_key).encrypt(nonce, plain, None)).decode()


def decrypt(stored: str, session_key: str) -> bytes:
    """Return what `encrypt` was given. Raises SessionDataBroken."""
    try:
        raw = base64.b64decode(stored, validate=True)
        return _cipher(session_key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], None)
    except (InvalidTag, ValueError):  # ValueError: no base64, or too short for a nonce
        raise SessionDataBroken from None


def _cipher(session_key: str) -> AESGCM:
    derived = HKDF(algorithm=SHA256(), length=32, salt=settings.SECRET_KEY.encode(), info=_INFO)
    return AESGCM(derived.derive(session_key.encode()))
