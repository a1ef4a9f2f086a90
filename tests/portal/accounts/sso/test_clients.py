"""The client of a provider: whose columns a worker acts on, and which address leads to which provider."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from django.test import Client

from portal.accounts.sso.clients import client_of, settings_mark
from portal.accounts.sso.problems import SignInFailed
from portal.models import LinkedIdentity, Organization, SsoProvider
from tests.support.identity_providers import (
    SsoBrowser,
    asked,
    code_on,
    know,
    portals_own,
    provider_of,
    tell,
    verified_domain,
    work,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def portal_of_liar(settings: Any, lying_issuer: str) -> SsoProvider:
    """The lying provider as the whole portal's."""
    return portals_own(settings, lying_issuer)


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


def asked_of(browser: SsoBrowser, waiting: str) -> tuple[str, dict[str, str]]:
    """The address at the provider to which a browser is sent, and what it asks there."""
    address = browser.client.get(waiting).headers["Refresh"].removeprefix("0; url=")
    base, _, query = address.partition("?")
    return base, {name: values[0] for name, values in parse_qs(query).items()}


def swap_slugs(one: Organization, other: Organization) -> None:
    """Past the portal."""
    rows = Organization.objects
    rows.filter(pk=one.pk).update(slug="for-a-moment")
    rows.filter(pk=other.pk).update(slug=one.slug)
    rows.filter(pk=one.pk).update(slug=other.slug)


@pytest.mark.parametrize("enters_it_again", [False, True])
def test_swapped_slugs_lead_no_code_to_another_provider(
    acme: Any, mallory: Any, real_issuer: str, lying_issuer: str, enters_it_again: bool
) -> None:
    """Mix-up by an owner of Umbrella who writes to the database: his provider sends dora on to Acme's, with nonce and
    challenge of his own sign-in at Acme, and while her browser comes back, Umbrella has Acme's slug."""
    verified_domain(acme)
    provider_of(acme, real_issuer, adds_members=True)
    umbrella = mallory.organizations.get()
    provider_of(umbrella, lying_issuer)
    know(real_issuer, "dora", email="dora@acme.example", email_verified=True)
    mallorys, doras = SsoBrowser("mallory"), SsoBrowser("dora")
    base, his = asked_of(mallorys, mallorys.start("acme"))
    _, hers = asked_of(doras, doras.start("umbrella"))
    query = urlencode({**his, "state": hers["state"]})
    back = requests.post(f"{base}?{query}", data={"sub": "dora"}, allow_redirects=False, timeout=10).headers["Location"]
    code = parse_qs(urlsplit(back).query)["code"][0]
    swap_slugs(acme, umbrella)
    if enters_it_again:  # the portal marks his provider as it is now
        row = SsoProvider.objects.get(organization=umbrella)
        row.mark = settings_mark(row)
        row.save()
    tell(lying_issuer)
    assert code_on(doras.come_back(back)) == "sso_state"
    work()
    assert code not in [row.get("code") for row in asked(lying_issuer)]


@pytest.mark.parametrize("organization", ["0", "9" * 19, "9" * 30, "acme"])
def test_an_address_of_no_organization(organization: str) -> None:
    path = f"/accounts/sso/{organization}"
    assert Client().get(f"{path}/callback/", {"state": "x"}).status_code == 404
    assert Client().post(f"{path}/logout/", {"logout_token": "x"}).status_code in (400, 404)
