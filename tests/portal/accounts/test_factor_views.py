"""The pages of one's own second factors."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from portal.models import User
from tests.conftest import PASSWORD
from tests.support import passkeys as devices
from tests.support.fresh_sign_ins import signed_in
from tests.support.page_messages import messages_of
from tests.support.passkeys import Device
from tests.support.second_factors import add_passkey_row, add_recovery_codes, add_totp, cover, unused_codes
from tests.support.sign_ins import sign_in

pytestmark = pytest.mark.usefixtures("no_limits_left_over")
OVERVIEW = "/accounts/2fa/"
CODES = "/accounts/2fa/recovery-codes/"


@pytest.fixture
def passkey(alice: User) -> Authenticator:
    return add_passkey_row(alice, name="Laptop", passwordless=True)


def test_the_overview_lists_each_with_its_name_and_use(alice: User, owner: Client, passkey: Authenticator) -> None:
    add_passkey_row(alice, name="Key")
    add_totp(alice)
    add_recovery_codes(alice)
    page = signed_in(alice).get(OVERVIEW).text
    for text in ("Laptop", "Key", "Sign-in without a password", "Second factor", "10 of 10 codes left", "Never"):
        assert text in page, text


@pytest.mark.parametrize(("used", "text"), [(7, "Only 3 of 10"), (10, "All 10 codes are used"), (6, "4 of 10 codes")])
def test_it_says_when_few_codes_are_left(used: int, text: str, alice: User, acme: Any) -> None:
    add_totp(alice)
    row = add_recovery_codes(alice).instance
    row.data["used_mask"] = 2**used - 1
    row.save()
    cover(alice)
    assert text in signed_in(alice).get(OVERVIEW).text


def test_a_passkey_is_added_renamed_and_removed(alice: User, owner: Client) -> None:
    response = devices.add(owner, Device(), "Laptop")
    codes = owner.post(response.headers["Location"])
    assert "data:text/plain" in codes.text
    assert codes.context["codes"][0] in codes.text
    row = Authenticator.objects.get(type="webauthn")

    assert "Laptop" in owner.get(f"/accounts/2fa/webauthn/keys/{row.pk}/edit/").text
    owner.post(f"/accounts/2fa/webauthn/keys/{row.pk}/edit/", {"name": "Phone"})
    assert "Phone" in owner.get(OVERVIEW).text

    asked = owner.get(f"/accounts/2fa/webauthn/keys/{row.pk}/remove/").text
    assert "only second factor" in asked
    owner.post(f"/accounts/2fa/webauthn/keys/{row.pk}/remove/")
    assert not Authenticator.objects.exists()
    assert "Phone" not in [each["row"].data["name"] for each in owner.get(OVERVIEW).context["passkeys"]]


@pytest.mark.parametrize("page", ["edit", "remove"])
def test_somebody_elses_passkey_does_not_exist(page: str, passkey: Authenticator, bob: User, member: Client) -> None:
    address = f"/accounts/2fa/webauthn/keys/{passkey.pk}/{page}/"
    assert member.get(address).status_code == member.post(address, {"name": "x"}).status_code == 404
    assert Authenticator.objects.exists()


def test_without_a_name_it_gets_one(owner: Client) -> None:
    devices.add(owner, Device(), "")
    assert str(Authenticator.objects.get(type="webauthn")) == "Passkey"


def test_the_session_stays_and_has_another_key(owner: Client) -> None:
    before = owner.session.session_key
    devices.add(owner, Device())
    assert owner.get(OVERVIEW).status_code == 200
    assert owner.session.session_key != before


class TestWithoutPassword:
    def test_whose_only_way_is_a_passkey_works(self, alice: User, owner: Client, acme: Any) -> None:
        device = Device()
        devices.add(owner, device)
        owner.post(CODES)
        assert "Remove the password" in owner.get(OVERVIEW).text
        owner.post("/accounts/password/remove/")
        assert "You sign in with a passkey" in owner.get(OVERVIEW).text
        assert "_auth_user_id" not in sign_in(alice).session

        browser = Client()
        devices.sign_in(device, browser)
        assert browser.get("/o/acme/").status_code == 200
        row = Authenticator.objects.get(type="webauthn")
        refused = browser.post(f"/accounts/2fa/webauthn/keys/{row.pk}/remove/")
        assert refused.status_code == 409
        assert "Set a password" in refused.text

        browser.post("/accounts/password/set/", {"password1": PASSWORD, "password2": PASSWORD})
        alice.refresh_from_db()
        assert alice.check_password(PASSWORD)

    def test_with_an_app_alone_the_password_stays(self, alice: User, acme: Any) -> None:
        add_totp(alice)
        response = signed_in(alice).post("/accounts/password/remove/")
        assert response.status_code == 409
        alice.refresh_from_db()
        assert alice.has_usable_password()


class TestRecoveryCodes:
    def test_they_are_shown_once(self, alice: User, acme: Any) -> None:
        add_totp(alice)
        add_recovery_codes(alice)
        browser = signed_in(alice)
        for _ in range(2):  # a browser that opens the page by itself uses nothing up
            assert "Show the codes" in browser.get(CODES).text
        assert len(browser.post(CODES).context["codes"]) == 10
        again = browser.get(CODES)
        assert again.headers["Location"] == OVERVIEW
        assert "shown once" in messages_of(again)[-1]
        assert browser.get(f"{CODES}download/").status_code == 404

    def test_whoever_signs_in_with_one_reads_how_to_replace_what_was_lost(self, alice: User, acme: Any) -> None:
        add_totp(alice)
        code = unused_codes(alice, add_recovery_codes(alice))[0]
        browser = Client()
        step = browser.post("/accounts/login/", {"login": alice.email, "password": PASSWORD})
        wrong = browser.post(step.headers["Location"], {"code": "000000"})
        assert "Incorrect code" in wrong.text
        assert "Not saved yet" not in wrong.text
        page = browser.post(step.headers["Location"], {"code": code}, follow=True)
        assert "You used a recovery code, which works once." in page.text

    def test_operators_get_from_there_to_operations(self, olga: User, acme: Any) -> None:
        add_recovery_codes(olga)
        assert "Go to operations" in signed_in(olga).post(CODES).text

    def test_new_ones_need_a_factor(self, alice: User, owner: Client) -> None:
        assert owner.get(f"{CODES}generate/").status_code == 200
        assert "first" in messages_of(owner.post(f"{CODES}generate/"))[-1]
        assert not Authenticator.objects.exists()

    def test_the_browser_does_not_store_them(self, alice: User, acme: Any) -> None:
        add_totp(alice)
        add_recovery_codes(alice)
        assert "no-store" in signed_in(alice).post(CODES).headers["Cache-Control"]


@pytest.mark.parametrize("page", ["webauthn/add/", "totp/activate/", "recovery-codes/generate/"])
def test_strangers_are_asked_to_sign_in(page: str, db: None) -> None:
    assert "/accounts/login/" in Client().get(OVERVIEW + page).headers["Location"]


@pytest.mark.parametrize("has_passkey", [True, False])
def test_the_main_way_of_the_second_step_has_the_focus(has_passkey: bool, alice: User, acme: Any) -> None:
    add_totp(alice)
    if has_passkey:
        devices.add(signed_in(alice), Device(), "Laptop")
    browser = Client()
    browser.post("/accounts/login/", {"login": alice.email, "password": PASSWORD})
    page = browser.get("/accounts/2fa/authenticate/").text
    (focused,) = re.findall(r"<(\w+)[^<>]* autofocus\b", page)
    assert focused == ("button" if has_passkey else "input")
