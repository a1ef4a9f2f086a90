"""Who is calling: a node, by a short-lived JWT that its own key signed.

The key, and with it the one algorithm, is the enrolled one; nothing in the token chooses. Every refusal is the
same NotAuthenticated: a caller learns neither which nodes exist nor what was wrong.

A call is good once, for all web processes together: the node's row remembers those whose tokens could still be valid.
`authenticate` only looks; `consume_call` writes, in the UPDATE that a call makes anyway, and of two at once one wins.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F, QuerySet
from joserfc import jws
from joserfc.errors import JoseError

from groups.models import Node
from groups.nodes.keys import KeyUnsupported, NodeKey, read_public_key
from registries.foundation.compiled_query import CompiledQuery
from registries.oci import strict_json

MAX_LIFE = 60
LEEWAY = 5
MAX_CLAIMS_BYTES = 4096
MAX_JTI_LENGTH = 128
MAX_RECENT = 400
"""How many calls a node may make in the time that a token can be valid; more are refused."""
_TRIES = 5
_CALLER = ("id", "public_key", "status", "recent_calls", "calls")
"""What of a node a call is judged by, in the order of the model."""
_PART = r"[A-Za-z0-9_-]{2,4096}"
# Servers join two headers of one name with a comma, which this doesn't match: two are refused.
_BEARER = re.compile(rf"(?i:bearer) +(({_PART})\.({_PART})\.{_PART})")
_HEADER_NAMES = frozenset({"alg", "typ", "kid"})


class NotAuthenticated(Exception):
    """The caller is no node that may call."""


@dataclass(frozen=True)
class Call:
    """One signed call of a node. `until` is when its token can't be valid any more, in seconds since 1970."""

    node: Node
    jti_hash: str
    until: int


def authenticate(authorization: str) -> Call:
    """Return the call whose `Authorization: Bearer <JWT>` this is; it isn't used up by that.

    Claims: `iss` = `sub` = the node's id, `aud` = the portal's public URL, `exp` at most 60 s ahead, a `jti` that
    was not used before. Raises NotAuthenticated.
    """
    found = _BEARER.fullmatch(authorization)
    if found is None:
        raise NotAuthenticated
    node_id = _claimed_node(found[3])
    row = _caller.first(node=node_id)
    if row is None:
        raise NotAuthenticated
    public_key, status, recent_calls, calls = row
    node = Node.from_db(None, _CALLER, [node_id, public_key, status, json.loads(recent_calls), calls])
    try:
        claims = _verified_claims(found[1], found[2], read_public_key(node.public_key))
    except (JoseError, KeyUnsupported, ValueError, TypeError, RecursionError):
        raise NotAuthenticated from None
    _check_claims(claims, str(node_id))
    jti_hash = hashlib.sha256(claims["jti"].encode()).hexdigest()[:24]
    call = Call(node, jti_hash, int(claims["exp"]) + LEEWAY + 1)
    _remembered_with(call)
    return call


@CompiledQuery
def _caller(node: UUID) -> QuerySet[Any]:
    return Node.objects.enrolled().filter(pk=node).order_by().values_list(*_CALLER[1:])


def consume_call(call: Call, **values: Any) -> None:
    """Use the call up, and set `values` in the node's row with it. Raises NotAuthenticated where it was used before,
    or the node was removed or got another key since."""
    node = call.node
    for _ in range(_TRIES):
        same = Node.objects.enrolled().filter(pk=node.pk, calls=node.calls, public_key=node.public_key)
        if same.update(recent_calls=_remembered_with(call), calls=F("calls") + 1, **values):
            return
        if not Node.objects.filter(pk=node.pk, public_key=node.public_key).exists():
            raise NotAuthenticated
        node.refresh_from_db(fields=["status", "calls", "recent_calls"])
        if node.status == Node.Status.REMOVED:
            raise NotAuthenticated
    raise NotAuthenticated


def _remembered_with(call: Call) -> list[Any]:
    """The node's recent calls and this one. Raises NotAuthenticated where it is among them, or they are too many."""
    now = time.time()
    recent = [each for each in call.node.recent_calls if each[0] >= now]
    if len(recent) >= MAX_RECENT or any(jti_hash == call.jti_hash for _, jti_hash in recent):
        raise NotAuthenticated
    return [*recent, [call.until, call.jti_hash]]


def _claimed_node(payload: str) -> UUID:
    """Read who the caller says it is, only to know whose key to try."""
    try:
        return UUID(_read_part(payload)["iss"])
    except (KeyError, ValueError, TypeError, AttributeError):
        raise NotAuthenticated from None


def _verified_claims(token: str, header: str, key: NodeKey) -> dict[str, Any]:
    # Read strictly before joserfc does: it trusts the shape of what a header such as `crit` holds.
    read = _read_part(header)
    if not read.keys() <= _HEADER_NAMES or read.get("alg") != key.signs_with:
        raise NotAuthenticated
    signed = jws.deserialize_compact(token, key.jwk, algorithms=[key.signs_with])
    return strict_json.read_object(signed.payload, MAX_CLAIMS_BYTES)


def _read_part(part: str) -> dict[str, Any]:
    """Read one part of the token. Raises ValueError."""
    return strict_json.read_object(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), MAX_CLAIMS_BYTES)


def _check_claims(claims: dict[str, Any], node_id: str) -> None:
    now = time.time()
    if claims.get("iss") != node_id or claims.get("sub") != node_id:
        raise NotAuthenticated
    if claims.get("aud") not in (settings.PORTAL_PUBLIC_URL, [settings.PORTAL_PUBLIC_URL]):
        raise NotAuthenticated
    expires = claims.get("exp")
    if not isinstance(expires, int | float) or not now - LEEWAY < expires <= now + MAX_LIFE + LEEWAY:
        raise NotAuthenticated
    for name in ("nbf", "iat"):
        since = claims.get(name, 0)
        if not isinstance(since, int | float) or since > now + LEEWAY:
            raise NotAuthenticated
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= MAX_JTI_LENGTH:
        raise NotAuthenticated
