"""Who reaches nothing but the set-up page without a second factor. Every address of the URL map is tried."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import NoReverseMatch, reverse

from portal.accounts.factor_policy import REACHED_WITHOUT, SecondFactorMiddleware, is_required_of
from portal.models import User
from tests.conftest import PASSWORD
from tests.support.addresses import addresses
from tests.support.fresh_sign_ins import signed_in
from tests.support.second_factors import add_recovery_codes, add_totp, code_now
from tests.support.sign_ins import sign_in

CODES = "/accounts/2fa/recovery-codes/"
SET_UP = "/accounts/2fa/"
OWN_ACCOUNT = ("account_", "mfa_", "sso:", "livez", "readyz", "metrics")
NO_SESSION = ("api-public:", "api-v1:", "delivery:", "nodes:")


def url_names() -> set[str]:
    """All of the URL map."""
    return set(addresses())


@pytest.fixture
def nils(db: None) -> User:
    """A new operator, without a second factor."""
    return User.objects.create_superuser("nils@drayage.example", PASSWORD)


@pytest.fixture
def nora(db: None) -> User:
    """New in support."""
    return User.objects.create_user("nora@drayage.example", PASSWORD, is_staff=True, is_support=True)


@pytest.fixture(params=["nils", "nora"])
def browser(request: pytest.FixtureRequest) -> Client:
    """Of one of the two."""
    return signed_in(request.getfixturevalue(request.param))


def answer(user: Any, name: str, method: str = "GET") -> HttpResponse | None:
    """What the middleware responds in the place of a page; None where it lets the request on."""
    request = RequestFactory().generic(method, "/")
    request.COOKIES[settings.SESSION_COOKIE_NAME] = "x"
    request.user = user
    request.resolver_match = SimpleNamespace(view_name=name)  # type: ignore[assignment]
    return SecondFactorMiddleware(lambda _: HttpResponse()).process_view(request, lambda _: HttpResponse(), (), {})


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_address_of_the_url_map_is_open_but_the_listed(method: str, nils: User) -> None:
    names = url_names()
    assert names >= REACHED_WITHOUT
    assert {name for name in names if answer(nils, name, method) is None} == REACHED_WITHOUT


def test_what_is_listed_is_the_own_account(nils: User) -> None:
    assert [name for name in REACHED_WITHOUT if not name.startswith(OWN_ACCOUNT)] == []


def test_every_address_is_open_with_a_factor_and_to_members(nils: User, bob: User) -> None:
    add_totp(nils)
    assert [name for name in url_names() if answer(nils, name) or answer(bob, name)] == []


def test_pages_really_lead_there(browser: Client, acme: Any) -> None:
    tried = 0
    for name in url_names():
        try:
            address = reverse(name)
        except NoReverseMatch:
            continue
        if name in REACHED_WITHOUT or name.startswith(NO_SESSION):
            continue
        tried += 1
        response = browser.get(address)
        assert (response.status_code, response.headers.get("Location")) == (302, SET_UP), name
        assert browser.post(address).status_code == 403, name
    assert tried > 20


def test_a_fragment_reloads_the_page(browser: Client) -> None:
    assert browser.get("/admin/desk/pulse/", headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"


def test_a_new_operator_sets_one_up_and_goes_on(nils: User) -> None:
    browser = sign_in(nils)
    page = browser.get("/admin/", follow=True)
    assert page.redirect_chain == [(SET_UP, 302)]
    assert "Operators and support need a second factor" in page.text
    secret = browser.get("/accounts/2fa/totp/activate/").context["form"].secret
    offered = browser.post("/accounts/2fa/totp/activate/", {"code": code_now(secret)}, follow=True)
    assert offered.redirect_chain[-1] == (CODES, 302)
    assert len(browser.post(CODES).context["codes"]) == 10
    assert browser.get("/admin/").status_code == 200


def test_recovery_codes_are_no_second_factor(nils: User) -> None:
    add_recovery_codes(nils)
    assert signed_in(nils).get("/admin/").headers["Location"] == SET_UP


def test_a_row_in_the_database_is_none(nils: User) -> None:
    """The mark has to cover it."""
    User.objects.filter(pk=nils.pk).update(second_factors="totp;x")
    browser = signed_in(nils)
    assert "/login/" in browser.get("/admin/").headers["Location"]
    assert "/accounts/login/" in browser.get(SET_UP).headers["Location"]


def test_who_becomes_an_operator_needs_one(bob: User) -> None:
    assert not is_required_of(bob)
    for right in ("is_staff", "is_support", "is_superuser"):
        assert is_required_of(User(**{right: True}))
