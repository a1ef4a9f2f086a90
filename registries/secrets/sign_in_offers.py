"""Hosts at which a registry signs in: which one a worker has met, and which one a member confirmed for a credential.

    offer         a worker was sent there by this registry, for this organization    pages ask about nothing else
    confirmation  a member lets this credential be sent there                         workers send it nowhere else

Both are HMAC-SHA256 with a key of the web zone, which workers hold too. So who can only write to the database neither
has a member asked about a host of his, nor confirms one.
"""

from __future__ import annotations

import base64
import hmac

from registries.foundation.ids import CredentialId, OrganizationId
from registries.secrets import keyring


def offer_of(host: str, *, organization_id: OrganizationId, registry: str) -> str:
    """Return what a page sends back to confirm that `registry` signs in at `host` (both `host[:port]`): the host, a
    blank and a mark. Raises `keyring.KeyUnavailable`."""
    return f"{host} {_mark('offer', organization_id, registry, host)}"


def offered_host(offer: object, *, organization_id: OrganizationId, registry: str) -> str:
    """Return the host of an offer for this organization and registry; empty if `offer_of` didn't make it for them.
    Raises `keyring.KeyUnavailable`."""
    host, _, mark = str(offer or "").partition(" ")
    is_genuine = bool(host) and _is_same(mark, _mark("offer", organization_id, registry, host))
    return host if is_genuine else ""


def confirmation_of(host: str, *, organization_id: OrganizationId, credential_id: CredentialId, registry: str) -> str:
    """Return the mark that this credential, for `registry`, may be sent to `host` to sign in; empty for an empty host.
    Raises `keyring.KeyUnavailable`."""
    return _mark("confirmation", organization_id, credential_id, registry, host) if host else ""


def is_confirmed(
    mark: str, host: str, *, organization_id: OrganizationId, credential_id: CredentialId, registry: str
) -> bool:
    """Whether `confirmation_of` made the mark from these; never for an empty host. Raises `keyring.KeyUnavailable`."""
    wanted = confirmation_of(host, organization_id=organization_id, credential_id=credential_id, registry=registry)
    return bool(host) and _is_same(mark, wanted)


def _is_same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _mark(purpose: str, *values: object) -> str:
    """Return 43 letters of base64url. Each value is preceded by its length, so that no two lists are alike."""
    parts = [str(part).encode() for part in ("drayage sign-in host 1", purpose, *values)]
    message = b"".join(len(part).to_bytes(4) + part for part in parts)
    return base64.urlsafe_b64encode(hmac.digest(keyring.sign_in_hosts_key(), message, "sha256")).decode().rstrip("=")
