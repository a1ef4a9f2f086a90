"""What an account can open whose address is not proven: nothing but what is said to be open to it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from portal.accounts.limited_accounts import NO_SESSION, OPEN_TO_LIMITED
from portal.models import User
from tests.support.addresses import addresses

CLOSED = {
    "account_email", "account_email_verification_sent", "account_confirm_email",
    "account_confirm_login_code", "account_address", "account_new_address", "account_address_link",
    "sso:connected", "sso:connect", "sso:disconnect",
    "accounts/email/", "accounts/confirm-email/", "accounts/confirm-email/<str:key>/",
}  # fmt: skip
"""What it can't open, apart from the admin."""


@pytest.fixture
def limited(nina: User, as_user: Any) -> Client:
    browser: Client = as_user(nina)
    return browser


def test_somebody_has_decided_about_every_address() -> None:
    """A new page is closed until it is added to one of the two."""
    names = {name for name in addresses() if not name.startswith(("admin", "operations:", "desk:"))}
    own = {name for name in names if name.split(":")[0] not in NO_SESSION and not _is_of_organization(name)}
    assert own - OPEN_TO_LIMITED == CLOSED
    assert set(addresses()) >= OPEN_TO_LIMITED


def _is_of_organization(name: str) -> bool:
    return "org" in addresses()[name].varies


@pytest.mark.parametrize("path", ["/accounts/profile/address/", "/admin/", "/admin/operations/"])
def test_the_rest_is_refused(path: str, limited: Client) -> None:
    page = limited.get(path)
    assert page.status_code == 403
    assert "The address nina@acme.example is not verified" in page.text
    assert limited.post(path).status_code == 403


def test_whose_address_is_proven_opens_it(member: Client) -> None:
    assert member.get("/accounts/profile/address/").status_code == 200


def test_its_organization_is_open_and_says_what_is_missing(limited: Client, mallory: User) -> None:
    page = limited.get("/o/acme/")
    assert page.status_code == 200
    assert "Your address is not verified." in page.text
    assert limited.get("/o/umbrella/").status_code == 404


def test_nobody_else_reads_that(member: Client) -> None:
    assert "Your address is not verified." not in member.get("/o/acme/").text


def test_the_profile_says_it_once(limited: Client, settings: Any) -> None:
    settings.PORTAL_SENDS_MAIL = True
    page = limited.get("/accounts/profile/").text
    assert "Not verified" in page
    assert page.count('action="/accounts/profile/prove/"') == 1


def test_whoever_was_removed_reads_what_is_true_of_them(limited: Client, nina: User) -> None:
    assert "opens only the organization that invited you" in " ".join(limited.get("/accounts/sessions/").text.split())
    nina.memberships.all().delete()
    for path in ("/accounts/profile/", "/accounts/sessions/"):
        page = " ".join(limited.get(path).text.split())
        assert "the organization that invited you" not in page
        assert "Your account is in no organization, and can't join one until you" in page


@pytest.mark.parametrize("name", ["account_profile", "account_change_password", "mfa_index", "account_delete"])
def test_its_own_pages_are_open(name: str, limited: Client) -> None:
    assert limited.get(reverse(name)).status_code in (200, 302)


def test_who_is_not_signed_in_is_asked_to(db: None) -> None:
    assert Client().get("/accounts/profile/address/")["Location"].startswith("/accounts/login/")
