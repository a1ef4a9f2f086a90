"""Accepting an invitation by signing in with a provider."""

from __future__ import annotations

from typing import Any

import pytest

from portal.models import Invitation, LinkedIdentity, Membership, User
from portal.organizations.invitations import invite
from tests.support.actors import acting
from tests.support.identity_providers import SsoBrowser, code_on, know, tell
from tests.support.sign_ins import actions_of

pytestmark = pytest.mark.django_db
NINA = "nina@acme.example"


def invited(organization: Any, by: Any, email: str = NINA) -> SsoBrowser:
    """A browser in which the link of an invitation is open."""
    _, token = invite(organization, email=email, role="member", by=acting(by))
    browser = SsoBrowser("nina")
    page = browser.client.get(f"/invitations/{token}/", follow=True)
    assert page.status_code == 200
    return browser


def test_the_organizations_provider_brings_who_is_invited(
    acme: Any, alice: Any, acme_provider: Any, lying_issuer: str
) -> None:
    browser = invited(acme, alice)
    assert b"single sign-on" in browser.client.get("/invitations/accept/").content
    tell(lying_issuer, "", email=NINA, sub="nina")
    assert browser.sign_in("acme", next_url="/o/acme/")["Location"] == "/o/acme/"
    nina = User.objects.get(email=NINA)
    assert (nina.address_proof, nina.has_usable_password()) == ("sso", False)
    assert Membership.objects.get(user=nina).role == "member"
    assert Invitation.objects.get().accepted_by == nina
    assert browser.client.get("/o/acme/").status_code == 200
    assert "team.joined" in actions_of(acme)
    assert "team.added" not in actions_of(acme)


def test_only_with_the_invited_address(acme: Any, alice: Any, acme_provider: Any, lying_issuer: str) -> None:
    browser = invited(acme, alice)
    tell(lying_issuer, "", email="eve@acme.example", sub="eve")
    assert code_on(browser.sign_in("acme")) == "sso_no_account"
    assert Invitation.objects.get().accepted_at is None


def test_only_where_the_link_is_open(acme: Any, alice: Any, acme_provider: Any, lying_issuer: str) -> None:
    invited(acme, alice)
    tell(lying_issuer, "", email=NINA, sub="nina")
    assert code_on(SsoBrowser("nina").sign_in("acme")) == "sso_no_account"


def test_not_once_it_is_withdrawn(acme: Any, alice: Any, acme_provider: Any, lying_issuer: str) -> None:
    browser = invited(acme, alice)
    Invitation.objects.update(withdrawn_at="2026-01-01T00:00:00Z")
    tell(lying_issuer, "", email=NINA, sub="nina")
    assert code_on(browser.sign_in("acme")) == "sso_no_account"


def test_a_provider_accepts_no_invitation_of_another_organization(
    acme: Any, mallory: Any, acme_provider: Any, lying_issuer: str
) -> None:
    browser = invited(mallory.organizations.get(), mallory)
    tell(lying_issuer, "", email=NINA, sub="nina")
    assert code_on(browser.sign_in("acme")) == "sso_no_account"
    assert not LinkedIdentity.objects.exists()


def test_the_portals_provider_creates_the_account_and_the_page_asks(acme: Any, alice: Any, portal_sso: str) -> None:
    know(portal_sso, "nina", email=NINA, email_verified=True)
    browser = invited(acme, alice)
    assert b"Sign in with Acme ID, then join" in browser.client.get("/invitations/accept/").content
    assert browser.sign_in(next_url="/invitations/accept/")["Location"] == "/invitations/accept/"
    assert User.objects.get(email=NINA).address_proof == "sso"
    assert not Membership.objects.filter(user__email=NINA).exists()
    assert browser.client.post("/invitations/accept/").status_code == 302
    assert Membership.objects.get(user__email=NINA).role == "member"
