"""The client that the portal is for a provider: whose issuer, with which id and secret.

An organization's is sealed as a whole: a worker acts on what it unseals, so changing a column sends nothing anywhere
else. The portal's is in the environment.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from django.conf import settings
from django.urls import reverse

from portal.accounts.sso.problems import SignInFailed
from portal.models import PORTAL_PROVIDER, SsoProvider
from registries.foundation.ids import OrganizationId
from registries.secrets import sign_in_seal, sso_marks
from registries.secrets.sign_in_seal import Sealed, SignInSealBroken
from registries.secrets.sso_marks import Marked


@dataclass(frozen=True)
class Client:
    """What a worker needs to speak for the portal."""

    issuer: str
    client_id: str
    secret: str = field(repr=False)


def seal_client(provider: SsoProvider, secret: str) -> bytes:
    """Return the client's secret sealed with where it may be sent and for whom. The row is not saved. Raises
    `keyring.KeyUnavailable`."""
    values = {
        "issuer": provider.issuer,
        "client_id": provider.client_id,
        "organization": str(provider.organization_id),
        "secret": secret,
    }
    return sign_in_seal.seal(values, Sealed.CLIENT, str(provider.pk))


def client_of(provider: SsoProvider) -> Client:
    """Return the client of a provider; worker zone only. Raises SignInFailed if the row says something else than what
    was sealed, or has no mark that fits: the caller acts on its columns as well, such as the required claim."""
    if not is_as_left(provider):
        raise SignInFailed("sso_settings_altered")
    if provider.pk == PORTAL_PROVIDER:
        return Client(settings.PORTAL_SSO_ISSUER, settings.PORTAL_SSO_CLIENT_ID, settings.PORTAL_SSO_CLIENT_SECRET)
    try:
        values = sign_in_seal.unseal(provider.client, Sealed.CLIENT, str(provider.pk))
    except SignInSealBroken:
        raise SignInFailed("sso_settings_altered") from None
    row = (provider.issuer, provider.client_id, str(provider.organization_id))
    if row != (values["issuer"], values["client_id"], values["organization"]):
        raise SignInFailed("sso_settings_altered")
    return Client(values["issuer"], values["client_id"], values["secret"])


def settings_mark(provider: SsoProvider) -> str:
    """Return the mark of what a provider's row says now. Raises `keyring.KeyUnavailable`."""
    return sso_marks.mark_of(Marked.PROVIDER, *_columns(provider))


def is_as_left(provider: SsoProvider) -> bool:
    """Whether only the portal has changed the provider's settings."""
    return sso_marks.is_marked(provider.mark, Marked.PROVIDER, *_columns(provider))


def redirect_uri(provider: SsoProvider) -> str:
    """Return the address to which the provider sends the browser back. Each organization has its own, so that it can be
    registered at the provider before anything is set here. It has the organization's id, which the provider's mark
    covers, and not the slug: slugs that somebody swaps in the database would lead a code to another provider."""
    if provider.pk == PORTAL_PROVIDER:
        return settings.PORTAL_PUBLIC_URL + reverse("sso:portal_callback")
    return settings.PORTAL_PUBLIC_URL + reverse("sso:callback", args=[provider.organization_id])


def logout_uri(provider: SsoProvider) -> str:
    """Return the address to which the provider of an organization posts logout tokens."""
    return settings.PORTAL_PUBLIC_URL + reverse("sso:logout", args=[provider.organization_id])


def addressed_as(organization_id: OrganizationId) -> SsoProvider | None:
    """Return the provider whose addresses have this organization's id."""
    return SsoProvider.objects.filter(organization__pk=organization_id).first()


def _columns(provider: SsoProvider) -> tuple[object, ...]:
    return (
        provider.pk,
        provider.organization_id,
        provider.issuer,
        provider.client_id,
        hashlib.sha256(bytes(provider.client or b"")).hexdigest(),
        provider.requires_sso,
        provider.adds_members,
        provider.default_role,
        provider.required_claim,
        provider.required_value,
    )
