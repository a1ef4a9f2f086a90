"""Signing in with a real provider, the whole way: the browser, the web zone, the worker."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail

from portal.models import LinkedIdentity, SsoSignIn, User
from tests.conftest import PASSWORD
from tests.support.identity_providers import SsoBrowser, code_on, know, provider_of, verified_domain
from tests.support.sign_ins import actions_of

pytestmark = pytest.mark.django_db


def test_somebody_the_portal_does_not_know_gets_an_account_if_the_operator_named_the_domain(
    portal_sso: str, settings: Any
) -> None:
    know(portal_sso, "nina", email="nina@new.example", email_verified=True)
    assert code_on(SsoBrowser("nina").sign_in()) == "sso_no_account"
    settings.PORTAL_SSO_DOMAINS = ["new.example"]
    browser = SsoBrowser("nina")
    response = browser.sign_in(next_url="/o/none/")
    assert (response.status_code, response["Location"]) == (302, "/o/none/")
    nina = User.objects.get(email="nina@new.example")
    assert (nina.address_proof, nina.has_usable_password()) == ("sso", False)
    assert LinkedIdentity.objects.get(person=nina).subject == "nina"
    assert browser.client.get("/").status_code == 200
    assert SsoBrowser("nina").sign_in().status_code == 302, "again, by the linked identity"


def test_an_account_with_a_password_is_connected_after_signing_in_to_it_once(
    portal_sso: str, bob: Any, acme: Any, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.PORTAL_SENDS_MAIL = True
    know(portal_sso, "bob", email="bob@acme.example", email_verified=True)
    browser = SsoBrowser("bob")
    response = browser.sign_in(next_url="/o/acme/")
    connect = response["Location"]
    assert connect.endswith("/connect/")
    assert browser.client.get(connect)["Location"].startswith("/accounts/login/?next=")
    assert not LinkedIdentity.objects.exists()
    browser.client.post("/accounts/login/", {"login": "bob@acme.example", "password": PASSWORD})
    assert b"bob@acme.example" in browser.client.get(connect).content
    with django_capture_on_commit_callbacks(execute=True):
        assert browser.client.post(connect)["Location"] == "/o/acme/"
    assert LinkedIdentity.objects.get().person == bob
    assert [sent.to for sent in mail.outbox if "was connected" in sent.subject] == [["bob@acme.example"]]
    other = SsoBrowser("bob")
    other.sign_in()
    assert other.client.get("/o/acme/").status_code == 200
    assert other.client.get("/accounts/sso/connected/").status_code == 200, "the portal's provider opens the account"


def test_a_sign_in_with_the_organizations_provider_opens_that_organization_only(
    real_issuer: str, acme: Any, mallory: Any, bob: Any
) -> None:
    other = mallory.organizations.get()
    other.memberships.create(user=bob, role="member")
    verified_domain(acme)
    provider = provider_of(acme, real_issuer)
    know(real_issuer, "bob", email="bob@acme.example", email_verified=True)
    browser = SsoBrowser("bob")
    connect = browser.sign_in("bob@acme.example")["Location"]
    browser.client.post("/accounts/login/", {"login": "bob@acme.example", "password": PASSWORD})
    browser.client.post(connect)
    assert browser.client.get(f"/o/{other.slug}/").status_code == 200, "with the password as well"
    alone = SsoBrowser("bob")
    assert alone.sign_in("acme", next_url="/o/acme/")["Location"] == "/o/acme/"
    assert alone.client.get("/o/acme/").status_code == 200
    for address in (f"/o/{other.slug}/", "/accounts/password/change/", "/accounts/2fa/", "/accounts/sso/connected/"):
        response = alone.client.get(address)
        assert response.status_code == 403, address
    assert alone.client.get("/admin/").status_code in (302, 403)
    assert alone.client.get("/")["Location"] == "/o/acme/"
    assert provider.identities.count() == 1


def test_new_people_become_members_with_the_default_role(real_issuer: str, acme: Any) -> None:
    verified_domain(acme)
    provider = provider_of(acme, real_issuer)
    know(real_issuer, "dora", email="dora@acme.example", email_verified=True)
    assert code_on(SsoBrowser("dora").sign_in("acme")) == "sso_no_account"
    provider.delete()
    provider_of(acme, real_issuer, adds_members=True)
    assert SsoBrowser("dora").sign_in("acme").status_code == 302
    assert acme.memberships.get(user__email="dora@acme.example").role == "viewer"
    assert "team.added" in actions_of(acme)


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"email": "bob@acme.example"}, "sso_email_unverified"),
        ({"email": "bob@acme.example", "email_verified": "true"}, "sso_email_unverified"),
        ({}, "sso_email_missing"),
        ({"email": "bob@evil.example@acme.example", "email_verified": True}, "sso_email_missing"),
        ({"email": "bob smith@acme.example", "email_verified": True}, "sso_email_missing"),
        ({"email": "mallory@elsewhere.example", "email_verified": True}, "sso_domain"),
        ({"email": "x@sub.acme.example", "email_verified": True}, "sso_domain"),
    ],
)
def test_which_addresses_a_provider_is_believed_about(
    real_issuer: str, acme: Any, claims: dict[str, Any], code: str
) -> None:
    verified_domain(acme)
    provider_of(acme, real_issuer, adds_members=True)
    know(real_issuer, "eve", **claims)
    assert code_on(SsoBrowser("eve").sign_in("acme")) == code
    assert not LinkedIdentity.objects.exists()


def test_who_cancels_at_the_provider_is_told_so(portal_sso: str) -> None:
    browser = SsoBrowser()
    waiting = browser.start()
    state = browser.client.get(waiting).headers["Refresh"].split("state=")[1].split("&")[0]
    browser.client.get(
        "/accounts/sso/callback/", {"state": state, "error": "access_denied", "error_description": "<b>"}
    )
    page = browser.client.get(waiting)
    assert code_on(page) == "sso_denied"
    assert b"<b>" not in page.content
    assert SsoSignIn.objects.get().status == "refused"
