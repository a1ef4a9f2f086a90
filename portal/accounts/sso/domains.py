"""Domains of organizations: their form, and whether one is verified."""

from __future__ import annotations

import hmac
import re
from datetime import UTC, timedelta

from portal.models import VerifiedDomain
from registries.foundation.clock import database_now
from registries.foundation.ids import OrganizationId
from registries.secrets import sso_marks
from registries.secrets.sso_marks import Marked

PREFIX = "_drayage-challenge"
TOKEN_PREFIX = "drayage-domain="  # noqa: S105 (public: it is in DNS)
VALID_FOR = timedelta(days=7)
"""How long a domain is verified after a worker has found its record. Workers look every day."""
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?!\d+$){_LABEL}")


def domain_of(email: str) -> str:
    """Return the domain of an email address in lower case; empty where it has none."""
    return email.rpartition("@")[2].strip().lower() if "@" in email else ""


def is_domain(text: str) -> bool:
    """Whether this is a domain name, in lower case and with at least two labels."""
    return len(text) <= 253 and _DOMAIN.fullmatch(text) is not None


def token_of(domain: VerifiedDomain) -> str:
    """Return what the TXT record of this domain of this organization must contain. It is in DNS for everybody to read,
    so it is worth nothing in another row. Raises `keyring.KeyUnavailable`."""
    columns = domain.pk, domain.organization_id, domain.name
    return TOKEN_PREFIX + sso_marks.mark_of(Marked.DOMAIN_RECORD, *columns)


def is_as_added(domain: VerifiedDomain) -> bool:
    """Whether the portal added this row for this organization and name. Raises `keyring.KeyUnavailable`."""
    return hmac.compare_digest(token_of(domain).encode(), domain.token.encode())


def verified_mark(domain: VerifiedDomain) -> str:
    """Return the mark of a domain that is verified until its `valid_until`. Raises `keyring.KeyUnavailable`."""
    return sso_marks.mark_of(Marked.DOMAIN, *_columns(domain))


def is_verified(domain: VerifiedDomain) -> bool:
    """Whether a worker found the record of this domain within `VALID_FOR`, and nobody changed the row since."""
    if domain.verified_at is None or domain.valid_until is None:
        return False
    return sso_marks.is_marked(domain.mark, Marked.DOMAIN, *_columns(domain)) and domain.valid_until > database_now()


def owns_address(organization_id: OrganizationId, email: str) -> bool:
    """Whether the email address belongs to a verified domain of the organization; not to one below it."""
    rows = VerifiedDomain.objects.filter(organization=organization_id, name=domain_of(email))
    return any(is_verified(row) for row in rows)


def _columns(domain: VerifiedDomain) -> tuple[object, ...]:
    until = domain.valid_until.astimezone(UTC).isoformat() if domain.valid_until is not None else ""
    return domain.pk, domain.organization_id, domain.name, domain.token, until
