"""The session that a redeemed token opened, and its bearer.

A bearer is the id of the token's row with an HMAC over it, keyed by a key derived from the web zone's data key. It is
not stored. Each request reads from the database whether the session is open, so ending one takes effect at once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import uuid
from datetime import timedelta
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.db.models import F
from django.db.models.functions import Now

from groups.models import Instance, Node, NodeToken
from registries.foundation.ids import TokenId
from registries.secrets import keyring

PREFIX = "drs_"
SESSION_LIFETIME = timedelta(hours=6)
_BEARER = re.compile(r"drs_([0-9a-f]{32})_([A-Za-z0-9_-]{43})")


class SessionClosed(Exception):
    """The bearer is not valid, or its session is over. `token` is its row if the bearer is genuine."""

    def __init__(self, token: NodeToken | None = None) -> None:
        super().__init__("no open session")
        self.token = token


def bearer_of(token_id: TokenId) -> str:
    """Return the bearer of this token's session."""
    return f"{PREFIX}{token_id.hex}_{_mac(token_id)}"


def open_session(bearer: str) -> NodeToken:
    """Return the token whose open session has this bearer. Raises SessionClosed."""
    found = _BEARER.fullmatch(bearer)
    if found is None:
        raise SessionClosed
    token_id = TokenId(uuid.UUID(found[1]))
    if not hmac.compare_digest(_mac(token_id), found[2]):
        raise SessionClosed
    token = (
        NodeToken.objects.select_related("image", "group__organization", "group__project").filter(pk=token_id).first()
    )
    if token is None or not is_open(token_id):
        raise SessionClosed(token)
    return token


def is_open(token_id: TokenId) -> bool:
    """Whether the session is open: redeemed, not ended or expired, and its instance is still on its node."""
    return (
        NodeToken.objects.filter(
            pk=token_id,
            redeemed_at__isnull=False,
            ended_at__isnull=True,
            session_expires_at__gt=Now(),
            image__isnull=False,
            instance__node=F("node"),
        )
        .exclude(node__status=Node.Status.REMOVED)
        .exclude(instance__state=Instance.State.STOPPING)
        .exists()
    )


def _mac(token_id: TokenId) -> str:
    digest = hmac.digest(_key(keyring.data_key()), token_id.bytes, hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@lru_cache(maxsize=4)
def _key(data_key: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"drayage node session bearer").derive(data_key)
