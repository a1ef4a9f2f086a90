"""The session that a redeemed token opened, and its bearer.

A bearer is an HMAC over the token's secret, keyed by a key derived from the web zone's data key. So the same token
gives the same bearer, and making it takes both the secret, which only the node has, and the key: neither a copy of web
host and database nor the token alone is enough. The database has the bearer's digest. Each request reads from it
whether the session is open, so ending one takes effect at once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import timedelta
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.db.models import F
from django.db.models.functions import Now

from groups.models import Instance, Node, NodeToken
from registries.foundation.ids import TokenId
from registries.secrets import keyring, one_time
from registries.secrets.one_time import Purpose

PREFIX = "drs_"
SESSION_LIFETIME = timedelta(hours=6)
# Bearers of sessions that an earlier release opened have the token's id in front.
_BEARER = re.compile(r"drs_(?:[0-9a-f]{32}_)?[A-Za-z0-9_-]{43}")


class SessionClosed(Exception):
    """The bearer is not valid, or its session is over. `token` is its row if the bearer is genuine."""

    def __init__(self, token: NodeToken | None = None) -> None:
        super().__init__("no open session")
        self.token = token


def bearer_of(secret: str) -> str:
    """Return the bearer of the session that the token with this secret opens."""
    digest = hmac.digest(_key(keyring.data_key()), secret.encode(), hashlib.sha256)
    return PREFIX + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def session_hash_of(bearer: str) -> str:
    """Return the digest by which the session with this bearer is found, open or not, without the database. Raises
    SessionClosed."""
    if _BEARER.fullmatch(bearer) is None:
        raise SessionClosed
    return one_time.digest_of(bearer, Purpose.NODE_SESSION)


def open_session(bearer: str) -> NodeToken:
    """Return the token whose open session has this bearer. Raises SessionClosed."""
    tokens = NodeToken.objects.select_related("image", "group__organization", "group__project")
    token = tokens.filter(session_hash=session_hash_of(bearer)).first()
    if token is None or not is_open(token.pk):
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


@lru_cache(maxsize=4)
def _key(data_key: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"drayage node session bearer").derive(data_key)
