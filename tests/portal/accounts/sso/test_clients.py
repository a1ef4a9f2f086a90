"""The client of a provider: whose columns a worker acts on, and which address leads to which provider."""

from __future__ import annotations

from typing import Any

import pytest

from portal.accounts.sso import exchange, providers
from portal.accounts.sso.clients import client_of
from portal.accounts.sso.problems import SignInFailed
from portal.models import LinkedIdentity, SsoProvider
from tests.support.identity_providers import SsoBrowser, code_on, tell, work

pytestmark = pytest.mark.django_db


@pytest.fixture
def portal_of_liar(settings: Any, lying_issuer: str) -> SsoProvider:
    """The lying provider as the whole portal's."""
    settings.PORTAL_SSO_ISSUER, settings.PORTAL_SSO_CLIENT_ID = lying_issuer, "drayage"
    settings.PORTAL_SSO_CLIENT_SECRET, settings.PORTAL_SSO_NAME = "a secret", "Acme ID"
    row = providers.portal_provider()
    assert row is not None
    exchange.configure(row.pk)
    return row


@pytest.mark.parametrize("column", ["required_claim", "issuer"])
def test_what_somebody_writes_into_the_portals_provider_is_not_acted_on(
    portal_of_liar: SsoProvider, column: str
) -> None:
    assert client_of(SsoProvider.objects.get()).issuer == portal_of_liar.issuer
    SsoProvider.objects.update(**{column: "x"})  # past the portal
    with pytest.raises(SignInFailed) as refused:
        client_of(SsoProvider.objects.get())
    assert refused.value.code == "sso_settings_altered"


def test_a_claim_written_for_one_exchange_confirms_no_identity(
    portal_of_liar: SsoProvider, lying_issuer: str, alice: Any, acme: Any
) -> None:
    """Somebody links his own account at the provider to alice, and has the portal withdraw and so mark the row."""
    tell(lying_issuer, "", email="mallory@other.example", sub="s-mallory")
    LinkedIdentity.objects.create(provider=portal_of_liar, person=alice, subject="s-mallory")  # past the portal
    browser = SsoBrowser()
    waiting = browser.start()
    browser.come_back(browser.go_to_provider(waiting))
    SsoProvider.objects.update(required_claim="groups", required_value="staff")  # past the portal
    work()
    assert code_on(browser.client.get(waiting)) == "sso_settings_altered"
    SsoProvider.objects.update(required_claim="", required_value="")
    assert code_on(SsoBrowser().sign_in()) == "sso_identity_altered"
