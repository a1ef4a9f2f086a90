"""Which provider a sign-in goes to, and what a worker has read of it."""

from __future__ import annotations

import json
from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now

from portal.accounts.sso import clients
from portal.accounts.sso.discovery import Configuration
from portal.accounts.sso.domains import domain_of, is_verified, owns_address
from portal.models import PORTAL_PROVIDER, Role, SsoProvider, VerifiedDomain
from registries.foundation.ids import OrganizationId
from registries.secrets import sso_marks
from registries.secrets.sso_marks import Marked

CONFIGURATION_LASTS = timedelta(hours=1)
"""After this time a worker reads the discovery document again. A sign-in in between uses what is stored to send the
browser to the provider; the worker that verifies the sign-in reads it again in any case."""

_OF_NO_ORGANIZATION: dict[str, object] = {
    "organization_id": None,
    "client": None,
    "requires_sso": False,
    "adds_members": False,
    "default_role": Role.VIEWER.value,
    "required_claim": "",
    "required_value": "",
}
"""The columns of the portal's provider that are an organization's. What somebody writes into them must get no mark."""


def portal_provider() -> SsoProvider | None:
    """Return the whole portal's provider as the environment names it now; None where it names none."""
    if not settings.PORTAL_SSO_ISSUER:
        return None
    named = {"issuer": settings.PORTAL_SSO_ISSUER, "client_id": settings.PORTAL_SSO_CLIENT_ID}
    row, _ = SsoProvider.objects.get_or_create(pk=PORTAL_PROVIDER, defaults=named)
    is_another = row.issuer != settings.PORTAL_SSO_ISSUER
    values = {**named, **_OF_NO_ORGANIZATION}
    changed = [name for name, value in values.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, values[name])
    mark = clients.settings_mark(row)
    if changed or row.mark != mark:  # the environment names another one, or somebody changed the row
        row.mark, row.configuration, row.checked_at, row.problem = mark, "", None, ""
        row.save(update_fields=[*changed, "mark", "configuration", "checked_at", "problem"])
    if is_another:
        row.identities.all().delete()  # another issuer's subjects are other people
    return row


def find_provider(text: str) -> SsoProvider | None:
    """Return the provider of the organization with this verified domain, of an email address or alone, or with this
    slug; None if there is none."""
    text = text.strip().lower()
    name = domain_of(text) if "@" in text else text
    for domain in VerifiedDomain.objects.filter(name=name, verified_at__isnull=False):
        if is_verified(domain):
            return SsoProvider.objects.filter(organization=domain.organization_id).first()
    return SsoProvider.objects.filter(organization__slug=text).first() if "@" not in text else None


def speaks_for(organization_id: OrganizationId, email: str) -> bool:
    """Whether the organization has a provider that is believed about this email address."""
    has_one = SsoProvider.objects.filter(organization=organization_id).exists()
    return has_one and owns_address(organization_id, email)


def store_configuration(provider: SsoProvider, configuration: Configuration | None, problem: str = "") -> None:
    """Store what a worker read in the discovery document, or why it could not."""
    columns: dict[str, object] = {"problem": problem, "checked_at": Now()}
    if configuration is not None:
        text = json.dumps(
            {"authorization": configuration.authorization, "names_issuer": configuration.names_issuer}, sort_keys=True
        )
        columns |= {"configuration": text, "configuration_mark": _configuration_mark(provider, text)}
    rows = SsoProvider.objects.filter(pk=provider.pk, issuer=provider.issuer, client_id=provider.client_id)
    rows.update(**columns)


def authorization_of(provider: SsoProvider) -> tuple[str, bool] | None:
    """Return the address of the provider to which browsers are sent, and whether its answers name the issuer; None if
    no worker has read it yet, or somebody changed it."""
    if not provider.configuration or not clients.is_as_left(provider):
        return None
    if not sso_marks.is_marked(
        provider.configuration_mark, Marked.CONFIGURATION, *_bound(provider, provider.configuration)
    ):
        return None
    values = json.loads(provider.configuration)
    return str(values["authorization"]), bool(values["names_issuer"])


def _configuration_mark(provider: SsoProvider, text: str) -> str:
    return sso_marks.mark_of(Marked.CONFIGURATION, *_bound(provider, text))


def _bound(provider: SsoProvider, text: str) -> tuple[object, ...]:
    return provider.pk, provider.issuer, provider.client_id, text
