"""The address of an organization's issuer (OpenID Connect Discovery 1.0). Each organization has its own, so that a
policy which forgets the subject lets in nobody else's organization."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings

ALGORITHM = "RS256"
"""How tokens are signed: the only algorithm that all four clouds verify."""
CLAIMS = ("iss", "sub", "aud", "iat", "nbf", "exp", "jti", "organization", "project", "group", "image", "pull")
"""What tokens say."""


class HttpsNeeded(Exception):
    """The portal's public address isn't https, so no cloud can fetch the issuer's keys."""

    sentence = (
        "The portal's public address isn't https, so no cloud can read its keys. "
        "Ask the portal's operator to set PORTAL_PUBLIC_URL to an https address that is reachable from the internet."
    )

    def __init__(self) -> None:
        super().__init__(self.sentence)


def issuer_of(organization_uuid: UUID) -> str:
    """Return the issuer of an organization's tokens, without a slash at its end."""
    return f"{settings.PORTAL_PUBLIC_URL}/oidc/{organization_uuid}"


def jwks_address_of(organization_uuid: UUID) -> str:
    """Return where its keys are."""
    return f"{issuer_of(organization_uuid)}/jwks"


def discovery_of(organization_uuid: UUID) -> dict[str, object]:
    """Return the issuer's discovery document."""
    return {
        "issuer": issuer_of(organization_uuid),
        "jwks_uri": jwks_address_of(organization_uuid),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "claims_supported": list(CLAIMS),
    }


def require_https() -> None:
    """Raise HttpsNeeded unless the public address is https, or of this machine alone."""
    address = urlsplit(settings.PORTAL_PUBLIC_URL)
    if address.scheme != "https" and not _is_loopback(address.hostname or ""):
        raise HttpsNeeded


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
