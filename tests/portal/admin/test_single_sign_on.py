"""Operators see and remove identity providers, domains and linked identities."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from portal.accounts.sso import identities
from portal.accounts.sso.exchange import Claims
from portal.models import PORTAL_PROVIDER, LinkedIdentity, SsoProvider, VerifiedDomain
from tests.support.action_cases.portal_sso import ISSUER, unread_provider
from tests.support.identity_providers import verified_domain
from tests.support.sign_ins import actions_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def identity(acme: Any, bob: Any) -> LinkedIdentity:
    """bob at Acme's provider."""
    claims = Claims(
        issuer=ISSUER, subject="s-1", email=bob.email, is_email_verified=True, sid="", meets_requirement=True, at=0.0
    )
    return identities.create(unread_provider(acme), bob, claims)


def act(client: Client, path: str, action: str, row: Any) -> str:
    """Do it after having been asked; return the page that asked."""
    form = {"action": action, "_selected_action": [str(row.pk)]}
    page = client.post(f"/admin/portal/{path}/", form).content.decode()
    client.post(f"/admin/portal/{path}/", form | {"confirmed": "yes"})
    return page


def test_a_provider_is_removed_with_a_record(operator: Client, identity: LinkedIdentity, acme: Any) -> None:
    asked = act(operator, "ssoprovider", "remove_providers", identity.provider)
    assert "Remove these identity providers?" in asked
    assert not SsoProvider.objects.exists()
    assert actions_of(acme)[-1] == "organization.sso_removed"


def test_the_portals_own_stays(operator: Client) -> None:
    row = SsoProvider.objects.create(pk=PORTAL_PROVIDER, issuer=ISSUER, client_id="x")
    act(operator, "ssoprovider", "remove_providers", row)
    assert SsoProvider.objects.exists()


def test_a_domain_is_removed_with_a_record(operator: Client, acme: Any) -> None:
    act(operator, "verifieddomain", "remove_domains", verified_domain(acme))
    assert not VerifiedDomain.objects.exists()
    assert actions_of(acme)[-1] == "organization.domain_removed"


def test_an_identity_is_disconnected_with_a_record(operator: Client, identity: LinkedIdentity, acme: Any) -> None:
    act(operator, "linkedidentity", "disconnect", identity)
    assert not LinkedIdentity.objects.exists()
    assert "account.identity_unlinked" in actions_of(acme)


def test_what_was_changed_outside_is_shown(operator: Client, identity: LinkedIdentity) -> None:
    address = f"/admin/portal/linkedidentity/{identity.pk}/change/"
    assert "icon-yes" in operator.get(address).content.decode()
    LinkedIdentity.objects.update(subject="another")
    assert "icon-no" in operator.get(address).content.decode()


def test_support_removes_nothing(support: Client, identity: LinkedIdentity) -> None:
    act(support, "linkedidentity", "disconnect", identity)
    assert LinkedIdentity.objects.exists()
