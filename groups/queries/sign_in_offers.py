"""Which sign-in host a member can confirm for a credential: the one that a worker met, or one confirmed before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from registries.foundation.ids import CredentialId, OrganizationId
from registries.models import Credential
from registries.secrets.sign_in_offers import is_confirmed, offer_of, offered_host

MAX_LOOKED_AT = 20
"""How many of the newest credentials with a confirmed host are looked at, since only genuine ones count."""


@dataclass(frozen=True)
class SignInOffer:
    """A question for a member: may a credential for `registry` be sent to `host`? `value` is what a page sends back if
    the answer is yes."""

    registry: str
    host: str
    value: str


def met_offer(params: Mapping[str, object], *, organization_id: OrganizationId, registry: str) -> SignInOffer | None:
    """Return the question that the parameters of a failure ask, if a worker wrote them."""
    value = str(params.get("sign_in_offer") or "")
    host = offered_host(value, organization_id=organization_id, registry=registry)
    return SignInOffer(registry, host, value) if host else None


def earlier_offer(organization_id: OrganizationId, registry: str) -> SignInOffer | None:
    """Return the question about the host that was confirmed last for a credential of this registry, destroyed ones
    included, so that a new credential doesn't have to fail first."""
    rows = Credential.objects.filter(organization=organization_id, host=registry).exclude(sign_in_host="")
    for row in rows.order_by("-received_at").defer("sealed")[:MAX_LOOKED_AT]:
        if is_confirmed(
            row.sign_in_mark,
            row.sign_in_host,
            organization_id=organization_id,
            credential_id=CredentialId(row.pk),
            registry=registry,
        ):
            value = offer_of(row.sign_in_host, organization_id=organization_id, registry=registry)
            return SignInOffer(registry, row.sign_in_host, value)
    return None
