"""Domains of organizations: their form, and whether one is verified."""

from __future__ import annotations

import re

from portal.models import VerifiedDomain
from registries.foundation.ids import OrganizationId
from registries.secrets import sso_marks
from registries.secrets.sso_marks import Marked

PREFIX = "_drayage-challenge"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?!\d+$){_LABEL}")


def domain_of(email: str) -> str:
    """Return the domain of an email address in lower case; empty where it has none."""
    return email.rpartition("@")[2].strip().lower() if "@" in email else ""


def is_domain(text: str) -> bool:
    """Whether this is a domain name, in lower case and with at least two labels."""
    return len(text) <= 253 and _DOMAIN.fullmatch(text) is not None


def verified_mark(domain: VerifiedDomain) -> str:
    """Return the mark of a verified domain. Raises `keyring.KeyUnavailable`."""
    return sso_marks.mark_of(Marked.DOMAIN, domain.pk, domain.organization_id, domain.name, domain.token)


def is_verified(domain: VerifiedDomain) -> bool:
    """Whether a worker found the record of this domain, and nobody changed the row since."""
    return domain.verified_at is not None and sso_marks.is_marked(
        domain.mark, Marked.DOMAIN, domain.pk, domain.organization_id, domain.name, domain.token
    )


def owns_address(organization_id: OrganizationId, email: str) -> bool:
    """Whether the email address belongs to a verified domain of the organization; not to one below it."""
    rows = VerifiedDomain.objects.filter(organization=organization_id, name=domain_of(email))
    return any(is_verified(row) for row in rows)
