"""A provider that lies: each lie is refused with its own code, and nobody is signed in."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from portal.accounts.sso import exchange, provider_connection
from portal.models import LinkedIdentity, SsoProvider, SsoSignIn
from registries.oci.timeouts import Timeouts
from tests.support.identity_providers import CLIENT_SECRET, SsoBrowser, asked, code_on, provider_of, tell, work

pytestmark = pytest.mark.django_db

LIES = {
    "issuer": "sso_issuer",
    "issuer_slash": "sso_issuer",
    "audience": "sso_audience",
    "audiences": "sso_audience",
    "party": "sso_audience",
    "nonce": "sso_nonce",
    "no_nonce": "sso_nonce",
    "expired": "sso_token_expired",
    "issued_later": "sso_token_expired",
    "not_before": "sso_token_expired",
    "no_expiry": "sso_claims",
    "no_subject": "sso_claims",
    "long_subject": "sso_claims",
    "no_issued": "sso_claims",
    "alg_none": "sso_algorithm",
    "alg_public_key": "sso_algorithm",
    "crit": "sso_token_invalid",
    "other_key": "sso_signature",
    "unknown_key": "sso_key_unknown",
    "small_key": "sso_key_unknown",
    "two_keys": "sso_key_unknown",
    "no_keys": "sso_key_unknown",
    "no_id_token": "sso_token_missing",
    "token_redirects": "sso_redirects",
    "token_endless": "sso_answer_too_large",
    "token_not_json": "sso_answer_invalid",
    "token_deep": "sso_answer_too_large",
    "invalid_grant": "sso_code_refused",
    "invalid_client": "sso_client_refused",
    "server_error": "sso_token_refused",
    "userinfo_other": "sso_userinfo_other",
    "discovery_issuer": "sso_discovery_issuer",
    "discovery_slash": "sso_discovery_issuer",
    "discovery_redirects": "sso_redirects",
    "discovery_missing": "sso_discovery_missing",
    "discovery_endless": "sso_answer_too_large",
    "jwks_private": "sso_host_not_allowed",
    "jwks_metadata": "sso_host_not_allowed",
    "token_insecure": "sso_endpoint_insecure",
    "authorize_script": "sso_endpoint_insecure",
    "authorize_user": "sso_discovery_incomplete",
    "no_jwks": "sso_discovery_incomplete",
    "unverified": "sso_email_unverified",
    "verified_as_text": "sso_email_unverified",
}
"""What the provider does while the worker talks to it, and the code of what the person reads."""


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_refused_with_its_own_code(
    acme_provider: SsoProvider, lying_issuer: str, lie: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    browser = SsoBrowser()
    waiting = browser.start("acme")
    address = browser.go_to_provider(waiting)
    tell(lying_issuer, lie)
    browser.come_back(address)
    work()
    page = browser.client.get(waiting)
    assert code_on(page) == LIES[lie]
    assert "_auth_user_id" not in browser.client.session
    assert not LinkedIdentity.objects.exists()
    logged = [record.getMessage() for record in caplog.records if "sso_sign_in_refused" in record.getMessage()]
    assert len(logged) == 1
    assert LIES[lie] in logged[0]
    assert "secret-text" not in page.content.decode() + caplog.text


def test_an_honest_answer_is_verified(acme_provider: SsoProvider, lying_issuer: str) -> None:
    response = SsoBrowser().sign_in("acme")
    assert response["Location"].endswith("/connect/"), "bob has a password"
    row = SsoSignIn.objects.get()
    claims = exchange.read_claims(row)
    assert (claims.subject, claims.email, claims.is_email_verified) == ("s-1", "bob@acme.example", True)
    sent = asked(lying_issuer)[0]
    assert sent["grant_type"] == "authorization_code"
    assert len(sent["code_verifier"]) >= 43
    assert sent["authorization"].startswith("Basic ")
    assert CLIENT_SECRET not in str(sent)


def test_the_secret_is_sent_in_the_form_where_the_provider_wants_it_there(
    acme_provider: SsoProvider, lying_issuer: str
) -> None:
    browser = SsoBrowser()
    tell(lying_issuer, "secret_in_body")
    browser.sign_in("acme")
    sent = asked(lying_issuer)[0]
    assert (sent["client_secret"], sent["authorization"]) == (CLIENT_SECRET, "")


def test_a_slow_provider_is_not_waited_for(
    acme: Any, monkeypatch: pytest.MonkeyPatch, acme_provider: SsoProvider, lying_issuer: str
) -> None:
    monkeypatch.setattr(provider_connection, "TIMEOUTS", Timeouts(read=0.001, head=0.0, document=0.0))
    browser = SsoBrowser()
    assert code_on(browser.sign_in("acme")) == "sso_unreachable"


def test_a_provider_that_is_not_there(acme: Any) -> None:
    provider = provider_of(acme, "http://localhost:6379")
    assert provider.problem == "sso_endpoint_insecure", "a port of another service"
    provider.delete()
    assert provider_of(acme, "http://localhost:65529").problem == "sso_unreachable"


def test_an_address_of_the_portals_network_is_refused(acme: Any, settings: Any) -> None:
    settings.PORTAL_SSO_ALLOW_NETWORKS = []
    for issuer in ("https://127.0.0.1:8000", "https://10.1.2.3", "https://169.254.169.254"):
        provider = provider_of(acme, issuer)
        assert provider.problem == "sso_host_not_allowed"
        provider.delete()


def test_the_worker_acts_on_what_was_sealed_and_not_on_columns(acme_provider: SsoProvider, lying_issuer: str) -> None:
    """Somebody who writes to the database sends neither code nor secret to a host of his own."""
    browser = SsoBrowser()
    address = browser.go_to_provider(browser.start("acme"))
    SsoProvider.objects.update(issuer="https://mallory.example")
    response = browser.come_back(address)
    assert code_on(browser.client.get(response["Location"])) == "sso_settings_altered"
    assert asked(lying_issuer) == []
    SsoProvider.objects.update(issuer=lying_issuer, client=b"x" * 1300)
    exchange.configure(acme_provider.pk)
    assert SsoProvider.objects.get().problem == "sso_settings_altered"


def test_the_browser_is_sent_only_where_a_worker_read(acme_provider: SsoProvider) -> None:
    altered = acme_provider.configuration.replace("/authorize", "/phishing")
    SsoProvider.objects.update(configuration=altered)
    browser = SsoBrowser()
    page = browser.client.get(browser.start("acme"))
    assert page.headers["Refresh"] == "1"
    assert b"phishing" not in page.content


def test_claims_of_one_sign_in_are_none_of_another(acme_provider: SsoProvider, lying_issuer: str) -> None:
    victim, mallory = SsoBrowser(), SsoBrowser()
    victim.sign_in("acme")
    tell(lying_issuer, "", sub="mallory", email="mallory@acme.example")
    waiting = mallory.start("acme")
    mallory.come_back(mallory.go_to_provider(waiting))
    theirs, his = SsoSignIn.objects.order_by("created_at")
    SsoSignIn.objects.filter(pk=his.pk).update(status="verified", result=theirs.result)
    assert code_on(mallory.client.get(waiting)) == "sso_state"


@pytest.mark.parametrize(
    ("groups", "code"), [(["staff"], ""), ("staff", ""), (["guests"], "sso_requirement"), (None, "sso_requirement")]
)
def test_a_claim_that_the_organization_requires(
    acme: Any, bob: Any, lying_issuer: str, groups: object, code: str
) -> None:
    provider_of(acme, lying_issuer, required_claim="groups", required_value="staff")
    tell(lying_issuer, "", groups=groups, email="nobody@elsewhere.example")
    assert code_on(SsoBrowser().sign_in("acme")) == (code or "sso_domain")
