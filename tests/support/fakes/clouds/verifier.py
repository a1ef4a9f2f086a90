"""Verifies a token as a cloud does: by the documents of its issuer, fetched over the network."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from tests.support.fakes.clouds.base64url import decode

Fetch = Callable[[str], tuple[int, bytes]]
"""Gets a URL; returns status and body, and raises OSError where there is nobody."""


class Refused(Exception):
    """A token isn't good. `part` is what is wrong with it."""

    def __init__(self, part: str) -> None:
        super().__init__(part)
        self.part = part


@dataclass(frozen=True)
class Claims:
    """What a verified token says."""

    issuer: str
    subject: str
    audience: str
    all: dict[str, Any]


def issuer_in(token: str) -> str:
    """Return the issuer that a token names, which proves nothing yet."""
    try:
        return str(json.loads(decode(token.split(".")[1]))["iss"])
    except (ValueError, LookupError, TypeError):
        raise Refused("format") from None


def verify(token: str, fetch: Fetch, *, skew: int = 0) -> Claims:
    """Return what the token says. Raises Refused: `format`, `keys` (they can't be fetched), `algorithm`, `kid`,
    `signature`, `expired`, `early`."""
    issuer = issuer_in(token)
    head, body, signature = token.split(".")
    header = json.loads(decode(head))
    if header.get("alg") != "RS256":
        raise Refused("algorithm")
    key = _keys(issuer, fetch).get(header.get("kid"))
    if key is None:
        raise Refused("kid")
    try:
        key.verify(decode(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise Refused("signature") from None
    claims = json.loads(decode(body))
    now = time.time()
    if claims["exp"] <= now - skew:
        raise Refused("expired")
    if claims["nbf"] > now + skew + 5 or claims["iat"] > now + skew + 5:
        raise Refused("early")
    if claims["exp"] - claims["iat"] > 300:
        raise Refused("lifetime")
    return Claims(issuer, claims["sub"], claims["aud"], claims)


def _keys(issuer: str, fetch: Fetch) -> dict[str, RSAPublicKey]:
    document = _json(fetch, f"{issuer}/.well-known/openid-configuration")
    if document.get("issuer") != issuer:
        raise Refused("keys")
    found = {}
    for key in _json(fetch, str(document["jwks_uri"]))["keys"]:
        if key["kty"] == "RSA" and key.get("use", "sig") == "sig":
            modulus, exponent = (int.from_bytes(decode(key[name])) for name in ("n", "e"))
            public = RSAPublicNumbers(exponent, modulus).public_key()
            if public.key_size >= 2048:
                found[key["kid"]] = public
    return found


def _json(fetch: Fetch, url: str) -> dict[str, Any]:
    try:
        status, body = fetch(url)
        document: dict[str, Any] = json.loads(body)
    except (OSError, ValueError):
        raise Refused("keys") from None
    if status != 200:
        raise Refused("keys")
    return document
