"""A sign-in belongs to the browser that began it, to one provider, and works once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.test import Client
from django.utils import timezone

from portal.accounts.sso import providers, sign_ins
from portal.accounts.sso.clients import redirect_uri
from portal.models import LinkedIdentity, SignInLimit, SsoProvider, SsoSignIn
from tests.support.database_clock import Clock, clock
from tests.support.identity_providers import SsoBrowser, code_on, know, provider_of, tell, verified_domain, work

__all__ = ["clock"]
pytestmark = pytest.mark.django_db


def path_at(provider: SsoProvider) -> str:
    """Where the provider sends browsers back."""
    return urlsplit(redirect_uri(provider)).path


def test_the_answer_of_another_browser_is_refused(acme_provider: SsoProvider) -> None:
    """Login CSRF: mallory signs in at the provider, and makes bob's browser open where he is sent back to."""
    mallory, bob = SsoBrowser(), SsoBrowser()
    address = mallory.go_to_provider(mallory.start("acme"))
    bob.start("acme")
    assert code_on(bob.come_back(address)) == "sso_state"
    assert set(SsoSignIn.objects.values_list("status", flat=True)) == {"started"}


def test_an_answer_is_taken_once(acme_provider: SsoProvider) -> None:
    browser = SsoBrowser()
    address = browser.go_to_provider(browser.start("acme"))
    assert browser.come_back(address).status_code == 302
    assert code_on(browser.come_back(address)) == "sso_state"
    SsoSignIn.objects.update(status="started", sealed=None)  # written past the portal
    assert code_on(browser.come_back(address)) == "sso_state", "the session has no state for it"


def test_what_was_verified_is_redeemed_once(acme: Any, lying_issuer: str) -> None:
    verified_domain(acme)
    provider_of(acme, lying_issuer, adds_members=True)
    tell(lying_issuer, "", email="dora@acme.example")
    browser = SsoBrowser()
    waiting = browser.start("acme")
    browser.come_back(browser.go_to_provider(waiting))
    work()
    kept = SsoSignIn.objects.values().get()
    assert browser.client.get(waiting).status_code == 302
    SsoSignIn.objects.filter(pk=kept["id"]).update(**kept)  # put back past the portal
    assert browser.client.get(waiting).status_code == 404


@pytest.mark.parametrize(
    "state", ["", "x", "drs_" + "a" * 43, "drs_" + "a" * 42 + "é", "drp_" + "a" * 43, "drs_" + "a" * 4000]
)
def test_a_state_that_is_none(acme_provider: SsoProvider, state: str) -> None:
    browser = SsoBrowser()
    browser.start("acme")
    response = browser.client.get(path_at(acme_provider), {"state": state, "code": "c"})
    assert code_on(response) == "sso_state"


def test_an_answer_at_another_providers_address_is_refused(
    acme_provider: SsoProvider, lying_issuer: str, mallory: Any
) -> None:
    """Mix-up: each organization has its own redirect address."""
    other = provider_of(mallory.organizations.get(), lying_issuer)
    browser = SsoBrowser()
    address = browser.go_to_provider(browser.start("acme"))
    moved = address.replace(path_at(acme_provider), path_at(other))
    assert moved != address
    refused = browser.come_back(moved)
    assert code_on(refused) == "sso_state"
    assert "Umbrella" not in refused.text


def test_a_row_that_is_moved_to_another_provider_signs_in_nobody(
    acme: Any, mallory: Any, real_issuer: str, lying_issuer: str
) -> None:
    """Login CSRF by who writes to the database: bob's browser began at Umbrella, whose provider sends it back with a
    code of mallory's account at Acme's."""
    verified_domain(acme)
    theirs = provider_of(acme, real_issuer, adds_members=True)
    provider_of(mallory.organizations.get(), lying_issuer)
    know(real_issuer, "mal", email="mal@acme.example", email_verified=True)
    bob, mal = SsoBrowser(), SsoBrowser("mal")
    waiting = bob.start("umbrella")
    row = SsoSignIn.objects.get()
    pending = sign_ins.Pending(**bob.client.session[sign_ins.SESSION_KEY][str(row.pk)])
    address = sign_ins.authorization_url(theirs, pending)
    assert address is not None
    back = requests.post(address, data={"sub": "mal"}, allow_redirects=False, timeout=10).headers["Location"]
    SsoSignIn.objects.filter(pk=row.pk).update(provider=theirs)  # past the portal
    assert code_on(bob.come_back(back)) == "sso_state"
    work()
    assert bob.client.get(waiting).status_code == 404
    assert mal.sign_in("acme").status_code == 302, "in his own browser the account works"


@pytest.mark.parametrize(("lie", "issuer"), [("", "https://other.example"), ("names_issuer", "")])
def test_an_answer_that_names_another_issuer_or_none_where_it_should(
    acme: Any, lying_issuer: str, lie: str, issuer: str
) -> None:
    tell(lying_issuer, lie)
    provider_of(acme, lying_issuer)
    browser = SsoBrowser()
    waiting = browser.start("acme")
    address = browser.go_to_provider(waiting) + (f"&iss={issuer}" if issuer else "")
    browser.come_back(address)
    assert code_on(browser.client.get(waiting)) == "sso_other_issuer"


def test_a_sign_in_lasts_ten_minutes(acme_provider: SsoProvider) -> None:
    browser = SsoBrowser()
    waiting = browser.start("acme")
    address = browser.go_to_provider(waiting)
    assert SsoSignIn.objects.get().expires_at - timezone.now() <= timedelta(minutes=10)
    SsoSignIn.objects.update(expires_at=timezone.now())
    assert code_on(browser.come_back(address)) == "sso_expired"
    assert code_on(browser.client.get(waiting)) == "sso_expired"


def test_the_page_of_a_sign_in_is_for_its_browser(acme_provider: SsoProvider) -> None:
    waiting = SsoBrowser().start("acme")
    assert SsoBrowser().client.get(waiting).status_code == 404


def test_the_database_has_neither_state_nor_verifier(acme_provider: SsoProvider) -> None:
    browser = SsoBrowser()
    browser.start("acme")
    pending = next(iter(browser.client.session[sign_ins.SESSION_KEY].values()))
    row = str(SsoSignIn.objects.values().get())
    assert pending["state"].startswith("drs_")
    assert not [name for name in ("state", "nonce", "verifier") if pending[name] in row]


def test_a_browser_keeps_few_sign_ins(acme_provider: SsoProvider) -> None:
    browser = SsoBrowser()
    for _ in range(sign_ins.MAX_PENDING + 3):
        browser.start("acme")
    assert len(browser.client.session[sign_ins.SESSION_KEY]) == sign_ins.MAX_PENDING


@pytest.mark.parametrize("next_url", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:x"])
def test_nobody_is_sent_elsewhere_afterwards(acme_provider: SsoProvider, next_url: str) -> None:
    browser = SsoBrowser()
    browser.start("acme", next_url=next_url)
    assert next(iter(browser.client.session[sign_ins.SESSION_KEY].values()))["next"] == ""


def test_which_provider_an_address_means(acme: Any, mallory: Any, lying_issuer: str) -> None:
    provider = provider_of(acme, lying_issuer)
    assert providers.find_provider("bob@acme.example") is None, "the domain is not verified"
    domain = verified_domain(acme)
    for where in ("bob@acme.example", "BOB@Acme.Example ", "acme.example", "acme"):
        assert providers.find_provider(where) == provider
    for where in ("bob@sub.acme.example", "acme@other.example", "nobody", "@", ""):
        assert providers.find_provider(where) is None
    type(domain).objects.update(organization=mallory.organizations.get())
    assert providers.find_provider("bob@acme.example") is None, "written past the portal"


def test_the_page_that_finds_a_provider_says_nothing_of_accounts(acme: Any, bob: Any) -> None:
    browser = SsoBrowser()
    pages = [
        browser.client.post("/accounts/sso/", {"where": where}).content.replace(where.encode(), b"")
        for where in ("bob@acme.example", "nobody@acme.example", "bob@nowhere.example")
    ]
    assert len({len(page) for page in pages}) == 1


def test_the_portals_provider_follows_the_environment(settings: Any, lying_issuer: str, alice: Any) -> None:
    assert providers.portal_provider() is None
    settings.PORTAL_SSO_ISSUER, settings.PORTAL_SSO_CLIENT_ID = lying_issuer, "one"
    first = providers.portal_provider()
    SsoProvider.objects.update(configuration="{}")
    settings.PORTAL_SSO_CLIENT_ID = "two"
    second = providers.portal_provider()
    assert first is not None
    assert second is not None
    assert (second.pk, second.issuer, second.client_id, second.configuration) == (first.pk, lying_issuer, "two", "")
    LinkedIdentity.objects.create(provider=second, person=alice, subject="s")
    settings.PORTAL_SSO_ISSUER = "https://other.example"
    third = providers.portal_provider()
    assert third is not None
    assert third.issuer == "https://other.example"
    assert not LinkedIdentity.objects.exists(), "another issuer's subjects are other people"


def test_one_client_begins_only_so_often(acme_provider: SsoProvider) -> None:
    begun = [SsoBrowser().client.post("/accounts/sso/", {"where": "acme"}).status_code for _ in range(32)]
    assert begun[:30] == [302] * 30
    assert 429 in begun[30:]
    row = SignInLimit.objects.get(kind="sso")
    assert row.shown == "127.0.0.1"
    assert SsoSignIn.objects.count() == begun.count(302)


def test_guessing_organizations_is_limited(acme_provider: Any, clock: Clock) -> None:
    """The page says whether an organization has single sign-on, to whoever knows its name."""
    guesser = Client()
    said = [guesser.post("/accounts/sso/", {"where": f"guess-{number}"}).status_code for number in range(40)]
    assert said[0] == 200
    assert said[-1] == 429
