"""Tokens: what the portal says about one pull, signed for one cloud. Worker zone only; the web zone has no key for it.

A token (JWT, RFC 7519) lives five minutes. It is made for one attempt, sent to the one service that exchanges it, and
never stored, logged or shown.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from joserfc import jwt

from registries.federation.identities import Identity
from registries.federation.issuer import ALGORITHM, issuer_of, require_https
from registries.federation.subjects import subject_of
from registries.foundation.clock import database_now
from registries.secrets import issuer_keys

LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token and what it says. Only `text` is secret."""

    text: str = field(repr=False)
    issuer: str
    subject: str
    audience: str
    jti: str
    issued_at: datetime
    expires_at: datetime


def issue(
    identity: Identity, *, audience: str, subject_suffix: str = "", group: str, image: str, pull: str
) -> IssuedToken:
    """Sign a token for one attempt. `image` is the reference with its registry, `pull` the attempt's id, `group` the
    name of the container group, empty for a check. The caller has checked that the organization isn't suspended.

    Raises `keyring.KeyUnavailable` in the web zone and where there is no key, and HttpsNeeded.
    """
    require_https()
    key = issuer_keys.signing_key()
    issued_at = database_now().astimezone(UTC).replace(microsecond=0)
    token = IssuedToken(
        text="",
        issuer=issuer_of(identity.organization_uuid),
        subject=subject_of(identity.organization_uuid, identity.project_uuid, subject_suffix),
        audience=audience,
        jti=secrets.token_hex(16),
        issued_at=issued_at,
        expires_at=issued_at + LIFETIME,
    )
    claims: dict[str, str | int] = {
        "iss": token.issuer,
        "sub": token.subject,
        "aud": audience,
        "iat": int(issued_at.timestamp()),
        "nbf": int(issued_at.timestamp()),
        "exp": int(token.expires_at.timestamp()),
        "jti": token.jti,
        "organization": identity.organization,
        "project": identity.project,
        "group": group,
        "image": image,
        "pull": pull,
    }
    header = {"alg": ALGORITHM, "typ": "JWT", "kid": key.kid}
    text = jwt.encode(header, dict(claims), key, algorithms=[ALGORITHM])
    return IssuedToken(text, token.issuer, token.subject, audience, token.jti, issued_at, token.expires_at)
