"""Cases of the actions of single sign-on."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict
from datetime import timedelta
from functools import partial

from django.utils import timezone

from portal.accounts.sso import actions, domain_lookup, identities, logout, organization_actions, withdrawal
from portal.accounts.sso.domains import token_of
from portal.accounts.sso.exchange import Claims, bound_to
from portal.accounts.sso.organization_actions import NewClient
from portal.models import LinkedIdentity, Organization, SsoProvider, SsoSignIn, User, VerifiedDomain
from registries.foundation.actor import PORTAL
from registries.secrets import at_rest
from tests.support.action_cases import Call, Case, Cast
from tests.support.actors import acting
from tests.support.identity_providers import verified_domain

ISSUER = "https://login.example.com"


def unread_provider(organization: Organization, **values: object) -> SsoProvider:
    """A provider that an owner has set, and of which no worker has read anything."""
    from portal.accounts.sso import clients

    row = SsoProvider(organization=organization, issuer=ISSUER, client_id="drayage", **values)
    row.client = clients.seal_client(row, "a secret")
    row.mark = clients.settings_mark(row)
    row.save()
    return row


def _provider(cast: Cast, **values: object) -> SsoProvider:
    return unread_provider(cast.acme, **values)


def _claims(email: str) -> Claims:
    return Claims(
        issuer=ISSUER, subject="s-1", email=email, is_email_verified=True, sid="", meets_requirement=True,
        at=timezone.now().timestamp(),
    )  # fmt: skip


def _sign_in(provider: SsoProvider, email: str) -> SsoSignIn:
    row = SsoSignIn(
        provider=provider, state_hash=uuid.uuid4().hex, status="verified",
        expires_at=timezone.now() + timedelta(minutes=5),
    )  # fmt: skip
    row.result = at_rest.encrypt(json.dumps(asdict(_claims(email))).encode(), bound_to=bound_to(row))
    row.save()
    return row


def _identity(cast: Cast, person: User) -> LinkedIdentity:
    return identities.create(_provider(cast), person, _claims(person.email))


def _domain(cast: Cast) -> VerifiedDomain:
    row = VerifiedDomain(organization=cast.acme, name="other.example")
    row.token = token_of(row)
    row.save()
    return row


def _admit(cast: Cast) -> Call:
    verified_domain(cast.acme)
    row = _sign_in(_provider(cast, adds_members=True), "dora@acme.example")
    return partial(actions.admit, row, by=acting(cast.bob))


def _connect(cast: Cast) -> Call:
    verified_domain(cast.acme)
    row = _sign_in(_provider(cast), cast.bob.email)
    return partial(actions.connect, row, cast.bob, by=acting(cast.bob))


def _disconnect(cast: Cast) -> Call:
    return partial(actions.disconnect, _identity(cast, cast.bob), by=acting(cast.bob))


def _withdraw(cast: Cast) -> Call:
    return partial(withdrawal.withdraw, _identity(cast, cast.bob), reason="gone", by=PORTAL)


def _end_sessions(cast: Cast) -> Call:
    return partial(logout.end_sessions, _identity(cast, cast.bob), by=PORTAL)


def _set_verified(cast: Cast) -> Call:
    return partial(domain_lookup.set_verified, _domain(cast), by=PORTAL)


def _end_verification(cast: Cast) -> Call:
    row = verified_domain(cast.acme)
    return partial(domain_lookup.end_verification, row, by=PORTAL)


def _set_provider(cast: Cast) -> Call:
    client = NewClient(ISSUER, "drayage", "a secret")
    return partial(organization_actions.set_provider, cast.acme, client, by=acting(cast.alice))


def _change_policy(cast: Cast) -> Call:
    change = partial(organization_actions.change_policy, _provider(cast), {"adds_members": True})
    return partial(change, has_signed_in_by_it=False, by=acting(cast.alice))


def _remove_provider(cast: Cast) -> Call:
    return partial(organization_actions.remove_provider, _provider(cast), by=acting(cast.alice))


def _add_domain(cast: Cast) -> Call:
    return partial(organization_actions.add_domain, cast.acme, name="other.example", by=acting(cast.alice))


def _remove_domain(cast: Cast) -> Call:
    return partial(organization_actions.remove_domain, _domain(cast), by=acting(cast.alice))


CASES = [
    Case("portal.accounts.sso.actions.admit", _admit),
    Case("portal.accounts.sso.actions.connect", _connect),
    Case("portal.accounts.sso.actions.disconnect", _disconnect),
    Case("portal.accounts.sso.withdrawal.withdraw", _withdraw),
    Case("portal.accounts.sso.logout.end_sessions", _end_sessions),
    Case("portal.accounts.sso.domain_lookup.set_verified", _set_verified),
    Case("portal.accounts.sso.domain_lookup.end_verification", _end_verification),
    Case("portal.accounts.sso.organization_actions.set_provider", _set_provider),
    Case("portal.accounts.sso.organization_actions.change_policy", _change_policy),
    Case("portal.accounts.sso.organization_actions.remove_provider", _remove_provider),
    Case("portal.accounts.sso.organization_actions.add_domain", _add_domain),
    Case("portal.accounts.sso.organization_actions.remove_domain", _remove_domain),
]
