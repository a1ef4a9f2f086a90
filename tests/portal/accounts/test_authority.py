"""Accounts that somebody changed outside the portal. `tests/portal/test_database_writer.py` has the attacks."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from pytest_django import Settings

from portal.accounts import authority
from portal.accounts.actions import change_person, confirm_account, set_password
from portal.accounts.authority import AccountAltered, lock, mark_existing, may_sign_in
from portal.accounts.factor_actions import remove_factor
from portal.accounts.factor_rows import kinds_in, rows_of, state_of
from portal.audit import refused_sign_ins
from portal.audit.sign_ins import record_for_person
from portal.models import Activity, PasswordReset, User
from portal.operations.alerts import alerts
from portal.operations.workers import Queues
from registries.foundation.actor import CONSOLE
from registries.secrets import account_marks, keyring
from tests.conftest import PASSWORD
from tests.support.second_factors import add_recovery_codes, add_totp, code_now
from tests.support.sign_ins import sign_in

NEW = "a long and good sentence"


def alter(person: User, **columns: object) -> None:
    User.objects.filter(pk=person.pk).update(**columns)


def is_signed_in(browser: Client) -> bool:
    return browser.get("/accounts/password/change/").status_code == 200


def test_everything_that_the_portal_changes_keeps_the_account(bob: User) -> None:
    """Each way, one after the other."""
    add_totp(bob)
    change_person(bob, {"is_support": True, "is_staff": True, "email": "robert@acme.example"}, by=CONSOLE)
    set_password(bob, NEW, by=CONSOLE)
    set_password(bob, PASSWORD, by=CONSOLE)
    bob.refresh_from_db()
    browser = sign_in(bob)
    browser.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW})
    browser = sign_in(bob, NEW, browser)
    assert is_signed_in(browser)
    browser.post("/accounts/password/change/", {"oldpassword": NEW, "password1": PASSWORD, "password2": PASSWORD})
    bob.refresh_from_db()
    assert bob.check_password(PASSWORD)
    assert is_signed_in(browser)
    assert may_sign_in(bob)
    assert bob.altered_at is None


def test_a_hash_that_is_made_again_keeps_it(bob: User, settings: Any) -> None:
    before = bob.password
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher", *settings.PASSWORD_HASHERS]
    assert is_signed_in(sign_in(bob))
    bob.refresh_from_db()
    assert bob.password.startswith("pbkdf2") is not before.startswith("pbkdf2")
    assert bob.is_unaltered


def test_adding_and_removing_second_factors_keeps_it(bob: User, as_user: Any) -> None:
    add_totp(bob)
    add_recovery_codes(bob)
    bob.refresh_from_db()
    assert kinds_in(bob.second_factors) == {"recovery_codes", "totp"}
    browser = sign_in(bob)
    assert browser.post("/accounts/2fa/authenticate/", {"code": code_now()}).status_code == 302
    assert is_signed_in(browser)
    remove_factor(bob, Authenticator.objects.get(user=bob, type="totp").pk, by=CONSOLE)
    bob.refresh_from_db()
    assert (bob.second_factors, may_sign_in(bob)) == ("", True)


def test_a_factor_that_somebody_else_added_closes_the_account(bob: User) -> None:
    Authenticator.objects.create(user=bob, type="webauthn", data={"name": "Laptop"})
    bob.refresh_from_db()
    assert not may_sign_in(bob)


@pytest.mark.parametrize(
    "change",
    [
        lambda person: lock(person.pk),
        lambda person: set_password(person, NEW, by=CONSOLE),
        lambda person: change_person(person, {"is_staff": False}, by=CONSOLE),
    ],
)
def test_nothing_of_an_altered_account_is_changed(change: Any, bob: User) -> None:
    alter(bob, is_staff=True)
    PasswordReset.objects.create(person=bob, token_hash="x", account_state="", expires_at="2999-01-01T00:00Z")
    with pytest.raises(AccountAltered):
        change(bob)
    bob.refresh_from_db()
    assert (bob.is_staff, bob.is_unaltered, bob.check_password(PASSWORD)) == (True, False, True)
    assert PasswordReset.objects.exists()


def test_it_is_refused_logged_and_shown(bob: User, acme: Any, member: Client, owner: Client) -> None:
    alter(bob, is_superuser=True, is_staff=True)
    assert not is_signed_in(member)
    page = Client().post("/accounts/login/", {"login": bob.email, "password": PASSWORD}, follow=True)
    assert "changed outside the portal" in page.content.decode()

    found = {alert.code: alert for alert in alerts(Queues(answers=False))}
    assert found["accounts"].text.startswith("1 account was changed outside the portal; nobody can sign in with it.")
    assert found["accounts"].text.endswith("accept it with manage.py confirm_account.")
    refused_sign_ins.sweep()
    row = Activity.objects.filter(organization=acme, action="account.sign_in_refused").latest("pk")
    assert row.text.detail.startswith("the account was changed outside the portal")


def test_operators_find_it(bob: User, operator: Client) -> None:
    alter(bob, is_staff=True)
    sign_in(bob)
    page = operator.get("/admin/portal/user/?altered_at__isempty=0").content.decode()
    assert bob.email in page
    assert "olga@drayage.example" not in page.partition('id="result_list"')[2]


def test_confirming_it(bob: User) -> None:
    add_totp(bob)
    Authenticator.objects.all().delete()
    alter(bob, is_support=True, password="unknown")
    sign_in(bob)
    bob.refresh_from_db()
    assert confirm_account(bob, by=CONSOLE)
    bob.refresh_from_db()
    assert (bob.is_unaltered, bob.is_support, bob.second_factors, bob.altered_at) == (True, True, "", None)
    assert not bob.has_usable_password()
    set_password(bob, NEW, by=CONSOLE)
    assert is_signed_in(sign_in(bob, NEW))
    assert not confirm_account(bob, by=CONSOLE)
    assert Activity.objects.filter(action="account.confirmed").count() == 1


class TestThePreviousVersion:
    @pytest.fixture(autouse=True)
    def old_accounts(self, bob: User, alice: User, settings: Settings, tmp_path: Path) -> None:
        settings.PORTAL_KEY_DIR = tmp_path
        keyring.create_missing()
        for step in (authority.STEP, authority.SECOND_STEP):
            (tmp_path / "worker" / f"{step}.done").unlink()
        add = Authenticator.objects.create
        add(user=alice, type="totp", data={})
        User.objects.update(authority_mark="", second_factors="")

    def test_its_accounts_are_marked_once(self, bob: User, alice: User) -> None:
        assert not is_signed_in(sign_in(bob))
        assert mark_existing() == 2
        assert is_signed_in(sign_in(bob))
        assert User.objects.get(pk=alice.pk).second_factors == state_of(rows_of(alice.pk))

        alter(bob, is_superuser=True, authority_mark="")
        assert mark_existing() == 0
        assert not may_sign_in(User.objects.get(pk=bob.pk))


class TestMarksOfThePreviousVersion:
    @pytest.fixture(autouse=True)
    def old_marks(self, bob: User, alice: User, olga: User, settings: Settings, tmp_path: Path) -> None:
        settings.PORTAL_KEY_DIR = tmp_path
        keyring.create_missing()
        (tmp_path / "worker" / f"{authority.SECOND_STEP}.done").unlink()
        User.objects.update(address_proof="")
        for person in (bob, alice, olga):
            person.address_proof = ""
            User.objects.filter(pk=person.pk).update(authority_mark=mark_before(person))

    def test_accounts_whose_mark_fits_are_marked_again(self, bob: User, alice: User, olga: User, acme: Any) -> None:
        alter(bob, is_superuser=True)
        record_for_person(alice, "account.password_reset", by=CONSOLE)
        assert not is_signed_in(sign_in(alice))

        assert mark_existing() == 2

        assert is_signed_in(sign_in(alice))
        assert not may_sign_in(User.objects.get(pk=bob.pk))
        assert [User.objects.get(pk=row.pk).address_proof for row in (alice, olga)] == ["mail", "operator"]
        assert mark_existing() == 0

    def test_who_may_have_been_registered_by_somebody_else_has_no_proof(self, bob: User) -> None:
        alter(bob, address_proof="mail", session_epoch=7)
        mark_existing()
        bob.refresh_from_db()
        assert (bob.address_proof, bob.session_epoch, may_sign_in(bob)) == ("", 0, True)


def mark_before(person: User) -> str:
    """The mark that the previous version made."""
    return account_marks._mac("drayage account 1", astuple(person._state_to_mark())[:-2])
