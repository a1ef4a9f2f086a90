"""Verifying signed tokens of a provider: ID tokens, and logout tokens by the same keys.

OpenID Connect Core, section 3.1.3.7. The algorithm is one of a list and must belong to the kind of the key, so neither
an unsigned token nor one that is "signed" with a public key as a shared secret is accepted.
"""

from __future__ import annotations

import base64
import hmac
from datetime import datetime

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from portal.accounts.sso.problems import SignInFailed
from portal.models.single_sign_on import MAX_SUBJECT_LENGTH
from registries.oci import strict_json

KEY_TYPES = {
    "RS256": "RSA", "RS384": "RSA", "RS512": "RSA", "PS256": "RSA", "PS384": "RSA", "PS512": "RSA",
    "ES256": "EC", "ES384": "EC", "ES512": "EC",
}  # fmt: skip
"""The algorithms that are accepted, with the kind of key that each needs."""
MAX_TOKEN_LENGTH = 32 * 1024
MAX_KEYS = 100
MIN_RSA_BITS = 2048
LEEWAY_SECONDS = 60


def verify_id_token(
    token: str, jwks: dict[str, object], *, issuer: str, client_id: str, nonce: str, now: datetime
) -> dict[str, object]:
    """Return the claims of an ID token. Raises SignInFailed with the code of what is wrong first."""
    claims = verify_signed(token, jwks)
    check_common(claims, issuer=issuer, client_id=client_id, now=now)
    subject, given = claims.get("sub"), claims.get("nonce")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_LENGTH or not subject.isprintable():
        raise SignInFailed("sso_claims")
    if not isinstance(claims.get("exp"), int):
        raise SignInFailed("sso_claims")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise SignInFailed("sso_nonce")
    return claims


def verify_signed(token: str, jwks: dict[str, object]) -> dict[str, object]:
    """Return the claims of a token that one of the keys has signed. Raises SignInFailed."""
    header = _part(token, 0)
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in KEY_TYPES:
        raise SignInFailed("sso_algorithm")
    if "crit" in header or (kid is not None and not isinstance(kid, str)):
        raise SignInFailed("sso_token_invalid")
    key = _key(jwks, KEY_TYPES[algorithm], kid)
    try:
        payload = jws.deserialize_compact(token, key, algorithms=[algorithm]).payload
        return strict_json.read_object(payload, MAX_TOKEN_LENGTH)
    except strict_json.JsonInvalid:
        code = "sso_token_invalid"
    except (JoseError, ValueError, TypeError):
        code = "sso_signature"
    raise SignInFailed(code)


def check_common(claims: dict[str, object], *, issuer: str, client_id: str, now: datetime) -> None:
    """Check what ID tokens and logout tokens share: issuer, audience and times. Raises SignInFailed."""
    if claims.get("iss") != issuer:
        raise SignInFailed("sso_issuer")
    audience = claims.get("aud")
    names = [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else []
    party = claims.get("azp")
    if client_id not in names or (party is not None and party != client_id) or (len(names) > 1 and party is None):
        raise SignInFailed("sso_audience")
    moment = now.timestamp()
    issued, expires, not_before = claims.get("iat"), claims.get("exp"), claims.get("nbf")
    if not isinstance(issued, int | float) or isinstance(issued, bool):
        raise SignInFailed("sso_claims")
    if any(value is not None and not isinstance(value, int | float) for value in (expires, not_before)):
        raise SignInFailed("sso_claims")
    if issued > moment + LEEWAY_SECONDS:
        raise SignInFailed("sso_token_expired")
    if isinstance(expires, int | float) and expires <= moment - LEEWAY_SECONDS:
        raise SignInFailed("sso_token_expired")
    if isinstance(not_before, int | float) and not_before > moment + LEEWAY_SECONDS:
        raise SignInFailed("sso_token_expired")


def unverified_claims(token: str) -> dict[str, object]:
    """Return what a token says before anything of it is verified. Raises SignInFailed if it has no form of one."""
    return _part(token, 1)


def has_known_algorithm(token: str) -> bool:
    """Whether a token says that it is signed with one of the accepted algorithms."""
    try:
        return _part(token, 0).get("alg") in list(KEY_TYPES)
    except SignInFailed:
        return False


def _part(token: str, number: int) -> dict[str, object]:
    parts = token.split(".")
    if len(token) > MAX_TOKEN_LENGTH or len(parts) != 3 or not token.isascii():
        raise SignInFailed("sso_token_invalid")
    try:
        text = parts[number]
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return strict_json.read_object(raw, MAX_TOKEN_LENGTH)
    except ValueError:  # JsonInvalid is one
        pass
    raise SignInFailed("sso_token_invalid")


def _key(jwks: dict[str, object], key_type: str, kid: str | None) -> RSAKey | ECKey:
    """The key of the set that fits: by its kind, its use, and its id where the token names one."""
    listed = jwks.get("keys")
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise SignInFailed("sso_key_unknown")
    fitting = [
        key
        for key in listed
        if isinstance(key, dict)
        and key.get("kty") == key_type
        and key.get("use", "sig") == "sig"
        and (kid is None or key.get("kid") == kid)
    ]
    if len(fitting) != 1:
        raise SignInFailed("sso_key_unknown")
    if key_type == "RSA" and _length(fitting[0].get("n")) * 8 < MIN_RSA_BITS:
        raise SignInFailed("sso_key_unknown")
    public = {name: value for name, value in fitting[0].items() if name in ("kty", "n", "e", "crv", "x", "y")}
    try:
        return RSAKey.import_key(public) if key_type == "RSA" else ECKey.import_key(public)
    except (JoseError, ValueError, TypeError, KeyError):
        pass
    raise SignInFailed("sso_key_unknown")


def _length(number: object) -> int:
    """The bytes of a number in base64url without padding."""
    return len(number) * 6 // 8 if isinstance(number, str) else 0
