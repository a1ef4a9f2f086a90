"""Authentication of a node's call by a short-lived JWT, signed with the node's own key.

The enrolled key determines the algorithm; nothing in the token does. A key counts if the web zone has accepted it
itself (`Node.call_mark`) and the worker zone has not noted that it was replaced, not because it is in the row. Every
refusal is the same NotAuthenticated, which says neither which nodes exist nor what was wrong.

A token is valid for one call across all web processes: the node's row keeps the calls whose tokens could still be
valid. `authenticate` only reads. `consume_call` writes, in the UPDATE that each call makes anyway, so that of two calls
with one token only one succeeds.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import F, QuerySet
from joserfc import jws
from joserfc.errors import JoseError

from groups.models import Node
from groups.nodes.keys import KeyUnsupported, NodeKey, read_public_key
from registries.foundation.compiled_query import CompiledQuery
from registries.foundation.ids import NodeId
from registries.oci import strict_json
from registries.secrets.ended import is_replaced
from registries.secrets.node_vouchers import fingerprint, has_call_mark

log = structlog.get_logger(__name__)

MAX_LIFETIME_SECONDS = 60
LEEWAY_SECONDS = 5
MAX_CLAIMS_BYTES = 4096
MAX_JTI_LENGTH = 128
MAX_RECENT = 400
"""Number of calls that a node can make while a token is valid; more are refused."""
_MAX_TRIES = 5
_CALLER = ("id", "public_key", "status", "recent_calls", "calls", "call_mark")
"""The columns of a node that a call needs, in the order of the model."""
_PART = r"[A-Za-z0-9_-]{2,4096}"
# Servers join repeated headers with a comma, which doesn't match: a second one is refused.
_BEARER = re.compile(rf"(?i:bearer) +(({_PART})\.({_PART})\.{_PART})")
_CallerRow: TypeAlias = tuple[str, str, str, int, str]
_HEADER_NAMES = frozenset({"alg", "typ", "kid"})


class NotAuthenticated(Exception):
    """The caller is not a node that may call."""


@dataclass(frozen=True)
class Call:
    """One signed call of a node. From `until` on, in seconds since 1970, its token is no longer valid. `jti_hash` has
    the first 24 hex digits of the SHA-256 of the token's `jti`."""

    node: Node
    jti_hash: str
    until: int


def authenticate(authorization: str) -> Call:
    """Verify an `Authorization: Bearer <JWT>` header and return its call, without consuming it.

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
    public_key, status, recent_calls, calls, call_mark = row
    node = Node.from_db(None, _CALLER, [node_id, public_key, status, json.loads(recent_calls), calls, call_mark])
    if not has_call_mark(call_mark, node_id=node_id, public_key=public_key):
        log.error("node_key_without_mark", node=str(node_id))
        raise NotAuthenticated
    if is_replaced(fingerprint(node_id=node_id, public_key=public_key)):  # somebody has put it back with its mark
        log.error("node_key_replaced_before", node=str(node_id))
        raise NotAuthenticated
    try:
        claims = _verified_claims(found[1], found[2], read_public_key(node.public_key))
    except (JoseError, KeyUnsupported, ValueError, TypeError, RecursionError):
        raise NotAuthenticated from None
    expires, jti = _check_claims(claims, str(node_id))
    jti_hash = hashlib.sha256(jti.encode()).hexdigest()[:24]
    call = Call(node, jti_hash, int(expires) + LEEWAY_SECONDS + 1)
    _recent_calls_with(call)
    return call


@CompiledQuery
def _caller(node: NodeId) -> QuerySet[Node, _CallerRow]:
    return Node.objects.enrolled().filter(pk=node).order_by().values_list(*_CALLER[1:])


def consume_call(call: Call, **values: object) -> None:
    """Consume the call and set `values` in the node's row, in one UPDATE. Raises NotAuthenticated if the call was
    consumed before, or the node was removed or got another key in between."""
    node = call.node
    for _ in range(_MAX_TRIES):
        same = Node.objects.enrolled().filter(pk=node.pk, calls=node.calls, public_key=node.public_key)
        if same.update(recent_calls=_recent_calls_with(call), calls=F("calls") + 1, **values):
            return
        if not Node.objects.filter(pk=node.pk, public_key=node.public_key).exists():
            raise NotAuthenticated
        node.refresh_from_db(fields=["status", "calls", "recent_calls"])
        if node.status == Node.Status.REMOVED:
            raise NotAuthenticated
    raise NotAuthenticated


def _recent_calls_with(call: Call) -> list[list[int | str]]:
    """The node's recent calls and this one. Raises NotAuthenticated if it is among them, or there are too many."""
    now = time.time()
    recent = [[until, jti_hash] for until, jti_hash in call.node.recent_calls if until >= now]
    if len(recent) >= MAX_RECENT or any(jti_hash == call.jti_hash for _, jti_hash in recent):
        raise NotAuthenticated
    return [*recent, [call.until, call.jti_hash]]


def _claimed_node(payload: str) -> NodeId:
    """Read the unverified `iss` claim, only to find the key to verify with."""
    try:
        issuer = _read_part(payload)["iss"]
        if isinstance(issuer, str):
            return NodeId(UUID(issuer))
    except (KeyError, ValueError):
        pass
    raise NotAuthenticated


def _verified_claims(token: str, header: str, key: NodeKey) -> dict[str, object]:
    # Parse strictly before joserfc does: it trusts the shape of headers such as `crit`.
    read = _read_part(header)
    if not read.keys() <= _HEADER_NAMES or read.get("alg") != key.signs_with:
        raise NotAuthenticated
    signed = jws.deserialize_compact(token, key.jwk, algorithms=[key.signs_with])
    return strict_json.read_object(signed.payload, MAX_CLAIMS_BYTES)


def _read_part(part: str) -> dict[str, object]:
    """Decode one part of the token. Raises ValueError."""
    return strict_json.read_object(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), MAX_CLAIMS_BYTES)


def _check_claims(claims: dict[str, object], node_id: str) -> tuple[float, str]:
    """Return `exp` and `jti`. Raises NotAuthenticated."""
    now = time.time()
    if claims.get("iss") != node_id or claims.get("sub") != node_id:
        raise NotAuthenticated
    if claims.get("aud") not in (settings.PORTAL_PUBLIC_URL, [settings.PORTAL_PUBLIC_URL]):
        raise NotAuthenticated
    expires = claims.get("exp")
    if (
        not isinstance(expires, int | float)
        or not now - LEEWAY_SECONDS < expires <= now + MAX_LIFETIME_SECONDS + LEEWAY_SECONDS
    ):
        raise NotAuthenticated
    for name in ("nbf", "iat"):
        since = claims.get(name, 0)
        if not isinstance(since, int | float) or since > now + LEEWAY_SECONDS:
            raise NotAuthenticated
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= MAX_JTI_LENGTH:
        raise NotAuthenticated
    return expires, jti
