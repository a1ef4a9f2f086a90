"""Who is calling: a node, by a short-lived JWT that its own key signed.

The key, and with it the one algorithm, is the enrolled one; nothing in the token chooses. Every refusal is the
same NotAuthenticated: a caller learns neither which nodes exist nor what was wrong.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import time
import uuid
from typing import Any

from django.conf import settings
from django.core.cache import caches
from joserfc import jws
from joserfc.errors import JoseError

from groups.models import Node
from groups.nodes.keys import KeyUnsupported, NodeKey, read_public_key
from registries.failures import UnsupportedManifest
from registries.oci import strict_json

LONGEST_LIFE = 60
LEEWAY = 5
LONGEST_CLAIMS = 4096
LONGEST_JTI = 128
_PART = r"[A-Za-z0-9_-]{2,4096}"
# Servers join two headers of one name with a comma, which this doesn't match: two are refused.
_BEARER = re.compile(rf"(?i:bearer) +(({_PART})\.({_PART})\.{_PART})")
_HEADER_NAMES = frozenset({"alg", "typ", "kid"})


class NotAuthenticated(Exception):
    """The caller is no node that may call."""


def authenticate(authorization: str) -> Node:
    """Return the node whose `Authorization: Bearer <JWT>` this is.

    Claims: `iss` = `sub` = the node's id, `aud` = the portal's public URL, `exp` at most 60 s ahead, a `jti` that
    was not used before. Raises NotAuthenticated.
    """
    found = _BEARER.fullmatch(authorization)
    if found is None:
        raise NotAuthenticated
    node_id = _claimed_node(found[3])
    node = Node.objects.filter(pk=node_id).exclude(status=Node.Status.REMOVED).first()
    if node is None:
        raise NotAuthenticated
    try:
        claims = _verified_claims(found[1], found[2], read_public_key(node.public_key))
    except (JoseError, KeyUnsupported, UnsupportedManifest, ValueError, TypeError, RecursionError):
        raise NotAuthenticated from None
    _check_claims(claims, str(node_id))
    _use_once(node_id, claims["jti"])
    return node


def _claimed_node(payload: str) -> uuid.UUID:
    """Read who the caller says it is, only to know whose key to try."""
    try:
        return uuid.UUID(_read_part(payload)["iss"])
    except (binascii.Error, UnsupportedManifest, KeyError, ValueError, TypeError, AttributeError):
        raise NotAuthenticated from None


def _verified_claims(token: str, header: str, key: NodeKey) -> dict[str, Any]:
    # Read strictly before joserfc does: it trusts the shape of what a header such as `crit` holds.
    read = _read_part(header)
    if not read.keys() <= _HEADER_NAMES or read.get("alg") != key.signs_with:
        raise NotAuthenticated
    signed = jws.deserialize_compact(token, key.jwk, algorithms=[key.signs_with])
    return strict_json.read_object(signed.payload, LONGEST_CLAIMS)


def _read_part(part: str) -> dict[str, Any]:
    """Read one part of the token. Raises ValueError or UnsupportedManifest."""
    return strict_json.read_object(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), LONGEST_CLAIMS)


def _check_claims(claims: dict[str, Any], node_id: str) -> None:
    now = time.time()
    if claims.get("iss") != node_id or claims.get("sub") != node_id:
        raise NotAuthenticated
    if claims.get("aud") not in (settings.PORTAL_PUBLIC_URL, [settings.PORTAL_PUBLIC_URL]):
        raise NotAuthenticated
    expires = claims.get("exp")
    if not isinstance(expires, int | float) or not now - LEEWAY < expires <= now + LONGEST_LIFE + LEEWAY:
        raise NotAuthenticated
    for name in ("nbf", "iat"):
        since = claims.get(name, 0)
        if not isinstance(since, int | float) or since > now + LEEWAY:
            raise NotAuthenticated
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= LONGEST_JTI:
        raise NotAuthenticated


def _use_once(node_id: uuid.UUID, jti: str) -> None:
    """Remember the call for as long as its token could be valid."""
    name = f"{node_id}-{hashlib.sha256(jti.encode()).hexdigest()}"
    if not caches["node_calls"].add(name, 1, timeout=LONGEST_LIFE + 2 * LEEWAY + 1):
        raise NotAuthenticated
