"""Looking for the record of a domain, in the worker zone: `_drayage-challenge.<domain>` with a TXT record that contains
the domain's token. A worker derives the token from the row, which has to have the same one.

A verified domain is looked up again every day, which makes it valid for another `VALID_FOR`. It is no longer verified
when the record has been missing for `MISSING_FOR`, or nobody could look for that long.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import dns.exception
import dns.resolver
import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from dns.rdtypes.txtbase import TXTBase

from portal.accounts.sso.domains import PREFIX, VALID_FOR, is_as_added, is_domain, is_verified, token_of, verified_mark
from portal.accounts.sso.wakeups import wake_find_domain
from portal.models import VerifiedDomain
from registries.foundation.activity import Target, record
from registries.foundation.actor import PORTAL, Actor
from registries.foundation.clock import database_now
from registries.foundation.ids import OrganizationId, VerifiedDomainId

SECONDS = 8.0
MAX_RECORDS = 50
CHECK_EVERY = timedelta(days=1)
MISSING_FOR = VALID_FOR
MAX_WOKEN = 100

log = structlog.get_logger(__name__)


class LookupFailed(Exception):
    """No answer came, which says nothing about the record."""


def look_up(domain_id: VerifiedDomainId) -> bool:
    """Look for the record of a domain and store what was found. Returns whether it is there."""
    domain = VerifiedDomain.objects.get(pk=domain_id)
    if not is_as_added(domain):
        VerifiedDomain.objects.filter(pk=domain_id).update(checked_at=Now(), problem="domain_altered")
        log.error("domain_altered", domain=str(domain_id))
        end_verification(domain, by=PORTAL)
        return False
    # What is found says nothing of a row that was changed since.
    columns = {"organization": domain.organization_id, "name": domain.name, "token": domain.token}
    rows = VerifiedDomain.objects.filter(pk=domain_id, **columns)
    try:
        texts = read_texts(domain.name)
    except LookupFailed:
        rows.update(checked_at=Now(), problem="domain_no_answer")
        log.warning("domain_not_looked_up", domain=str(domain_id))
        return False
    if token_of(domain) in texts:
        rows.update(checked_at=Now(), problem="", missing_since=None)
        return set_verified(domain, by=PORTAL) and _prolong(domain)
    rows.update(checked_at=Now(), problem="domain_record_missing")
    rows.filter(verified_at__isnull=False, missing_since__isnull=True).update(missing_since=Now())
    if rows.filter(missing_since__lte=Now() - MISSING_FOR).exists():
        end_verification(domain, by=PORTAL)
    return False


def read_texts(name: str) -> list[str]:
    """Return the TXT records of a domain's challenge. Raises LookupFailed if no server answers."""
    if not is_domain(name):
        return []
    try:
        answer = _resolver().resolve(f"{PREFIX}.{name}.", "TXT", lifetime=SECONDS, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError, ValueError):
        raise LookupFailed from None
    rows = [row for row in answer if isinstance(row, TXTBase)][:MAX_RECORDS]
    return [b"".join(row.strings).decode(errors="replace").strip() for row in rows]


def set_verified(domain: VerifiedDomain, *, by: Actor) -> bool:
    """Note that the record of a domain was found. Returns whether the domain is the organization's: another one may
    have verified it first, or somebody may have changed the row since it was read."""
    try:
        with transaction.atomic():
            row = _lock(domain)
            if row is None:
                return False
            if is_verified(row):
                return True
            _store_until(row, verified_at=database_now())
            _record(row, "organization.domain_verified", by=by)
    except IntegrityError:
        VerifiedDomain.objects.filter(pk=domain.pk).update(problem="domain_of_another")
        return False
    return True


def end_verification(domain: VerifiedDomain, *, by: Actor) -> bool:
    """Note that a domain is no longer verified. Returns whether it was."""
    with transaction.atomic():
        row = VerifiedDomain.objects.select_for_update().filter(pk=domain.pk).first()
        if row is None or row.verified_at is None:
            return False
        VerifiedDomain.objects.filter(pk=row.pk).update(verified_at=None, valid_until=None, mark="", missing_since=None)
        _record(row, "organization.domain_lost", by=by)
    return True


def sweep() -> int:
    """Wake workers for verified domains that are due again. Returns how many."""
    rows = VerifiedDomain.objects.filter(verified_at__isnull=False)
    rows = rows.filter(Q(checked_at__isnull=True) | Q(checked_at__lt=Now() - CHECK_EVERY) | Q(valid_until__isnull=True))
    due = list(rows.values_list("pk", flat=True)[:MAX_WOKEN])
    for domain_id in due:
        wake_find_domain(domain_id)
    return len(due)


def _prolong(domain: VerifiedDomain) -> bool:
    """Make a verified domain valid for `VALID_FOR` from now on. Returns whether it was verified."""
    with transaction.atomic():
        row = _lock(domain)
        if row is None or not is_verified(row):
            return False
        _store_until(row, verified_at=row.verified_at)
    return True


def _lock(domain: VerifiedDomain) -> VerifiedDomain | None:
    """The row, locked; None unless it is still the domain that was read, as the portal added it."""
    row = VerifiedDomain.objects.select_for_update().filter(pk=domain.pk).first()
    return row if row is not None and is_as_added(row) and token_of(row) == token_of(domain) else None


def _store_until(row: VerifiedDomain, *, verified_at: datetime | None) -> None:
    row.valid_until = database_now() + VALID_FOR
    columns = {"mark": verified_mark(row), "verified_at": verified_at, "valid_until": row.valid_until}
    VerifiedDomain.objects.filter(pk=row.pk).update(**columns)


def _resolver() -> dns.resolver.Resolver:
    """The resolver of the setting, `host` or `host:port`; the machine's own without one."""
    named = settings.PORTAL_DNS_RESOLVER
    if not named:
        return dns.resolver.Resolver()
    host, _, port = named.rpartition(":") if named.count(":") == 1 else (named, "", "53")
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [host], int(port)
    return resolver


def _record(row: VerifiedDomain, action: str, *, by: Actor) -> None:
    target = Target("domain", row.pk, row.name)
    record(by, action, target, organization_id=OrganizationId(row.organization_id), detail=row.name)
