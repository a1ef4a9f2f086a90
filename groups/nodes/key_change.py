"""The statement with which a node's present key names the next one: a compact JWS, checked by both zones.

Claims: `iss` is the node's id, `aud` the portal's public URL, `public_key` the new key as SPKI PEM. It is not the token
of a call, which has no such claim, and no call accepts it, because it has neither `exp` nor `jti`.
"""

from __future__ import annotations

import re

from django.conf import settings
from joserfc import jws
from joserfc.errors import JoseError

from groups.nodes.keys import KeyUnsupported, NodeKey, read_public_key
from registries.foundation.ids import NodeId
from registries.oci import strict_json

MAX_PROOF_LENGTH = 12_288
_MAX_CLAIMS_BYTES = 8192
_COMPACT = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+){2}")


def names_next_key(proof: str, present: NodeKey, following: NodeKey, *, node_id: NodeId) -> bool:
    """Whether `present` signed that `following` is the node's next key."""
    if len(proof) > MAX_PROOF_LENGTH or not _COMPACT.fullmatch(proof):
        return False
    try:
        signed = jws.deserialize_compact(proof, present.jwk, algorithms=[present.signs_with])
        claims = strict_json.read_object(signed.payload, _MAX_CLAIMS_BYTES)
        named = claims.get("public_key")
        return (
            claims.get("iss") == str(node_id)
            and claims.get("aud") == settings.PORTAL_PUBLIC_URL
            and isinstance(named, str)
            and read_public_key(named).pem == following.pem
        )
    except (JoseError, KeyUnsupported, ValueError, TypeError, RecursionError):
        return False
