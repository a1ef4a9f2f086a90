"""Pages that need a sign-in of the last 15 minutes."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from portal.accounts.fresh_sign_in import FRESH_PAGES, FRESH_SECONDS
from portal.models import ApiKey, Organization, User
from tests.conftest import PASSWORD
from tests.support.addresses import addresses
from tests.support.fresh_sign_ins import signed_in
from tests.support.pages_without_fresh_sign_in import needs_none

pytestmark = pytest.mark.django_db
CREATE = "/o/acme/settings/api-keys/create/"
CONTINUE = "/accounts/continue/"
KEY = {"name": "builds", "scope": "read", "days": "90"}


@pytest.fixture
def stale(alice: User, acme: Organization) -> Client:
    """alice's browser, in which she entered her password a while ago."""
    return signed_in(alice, ago=FRESH_SECONDS + 1)


def prove(browser: Client, address: str, password: str = PASSWORD) -> Any:
    return browser.post(address.partition("?")[0], {"password": password, "next": CONTINUE})


def test_every_address_is_in_one_of_the_two_tables() -> None:
    names = set(addresses())
    assert {name for name in names if not needs_none(name)} == set(FRESH_PAGES) & names
    assert not {name for name in FRESH_PAGES if needs_none(name)}


def test_every_page_of_the_table_exists() -> None:
    assert set(FRESH_PAGES) <= set(addresses())


def test_a_fresh_sign_in_is_enough(owner: Client) -> None:
    assert owner.post(CREATE, KEY).status_code == 200
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize("ago", [FRESH_SECONDS + 1, -FRESH_SECONDS])
def test_an_older_one_is_not_and_nothing_happens(ago: float, alice: User, acme: Organization) -> None:
    response = signed_in(alice, ago=ago).post(CREATE, KEY)
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/reauthenticate/?next=%2Faccounts%2Fcontinue%2F")
    assert not ApiKey.objects.exists()


def test_a_sign_in_of_somebody_else_in_this_browser_does_not_count(stale: Client, bob: User) -> None:
    session = stale.session
    session["account_authentication_methods_user"] = str(bob.pk)
    session.save()
    assert stale.post(CREATE, KEY).status_code == 302
    assert not ApiKey.objects.exists()


def test_a_wrong_password_proves_nothing(stale: Client) -> None:
    response = stale.post(CREATE, KEY)
    assert prove(stale, response["Location"], "wrong").status_code == 200
    assert stale.post(CREATE, KEY).status_code == 302
    assert not ApiKey.objects.exists()


def test_the_session_gets_another_key(stale: Client, alice: User) -> None:
    before = stale.cookies["sessionid"].value
    prove(stale, stale.post(CREATE, KEY)["Location"])
    assert stale.cookies["sessionid"].value != before
    thief = Client()
    thief.cookies["sessionid"] = before
    assert thief.get("/o/acme/").status_code == 302
    assert stale.get("/o/acme/").status_code == 200
    assert Session.objects.count() == 1


def test_a_password_that_is_hashed_again_signs_nobody_out(stale: Client, settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["portal.accounts.hashers.Argon2id", *settings.PASSWORD_HASHERS]
    prove(stale, stale.post(CREATE, KEY)["Location"])
    assert User.objects.get(email="alice@acme.example").password.startswith("argon2")
    assert stale.get("/o/acme/").status_code == 200


def test_a_stranger_learns_nothing_of_the_page(mallory: User, acme: Organization) -> None:
    assert signed_in(mallory, ago=FRESH_SECONDS + 1).post(CREATE, KEY).status_code == 404


def test_whoever_is_not_signed_in_signs_in(acme: Organization) -> None:
    assert Client().post(CREATE, KEY)["Location"].startswith("/accounts/login/")
    assert Client().get(CONTINUE)["Location"].startswith("/accounts/login/")


def test_a_part_of_a_page_reloads_all_of_it(stale: Client) -> None:
    response = stale.post(CREATE, KEY, headers={"HX-Request": "true"})
    assert response["HX-Redirect"].startswith("/accounts/reauthenticate/")


def test_pages_that_show_a_secret_ask_before_they_are_opened(stale: Client) -> None:
    response = stale.get("/accounts/2fa/recovery-codes/")
    assert response["Location"] == "/accounts/reauthenticate/?next=%2Faccounts%2F2fa%2Frecovery-codes%2F"


def test_the_admin_asks_too(olga: User) -> None:
    browser = signed_in(olga, ago=FRESH_SECONDS + 1)
    assert browser.post("/admin/groups/enrolment/add/", {"name": "edge"})["Location"].startswith("/accounts/reauth")
    assert browser.get("/admin/portal/user/add/")["Location"].startswith("/accounts/reauthenticate/")
    assert browser.get("/admin/portal/user/").status_code == 200


def test_whoever_has_nothing_to_prove_it_with_signs_in_again(acme: Organization) -> None:
    pia = User.objects.create_user("pia@acme.example")
    acme.memberships.create(user=pia, role="owner")
    response = signed_in(pia, ago=FRESH_SECONDS + 1).post(CREATE, KEY)
    assert response.status_code == 403
    assert "Sign in again" in response.content.decode()
