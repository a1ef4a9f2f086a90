"""Changing second factors: what is kept, what ends, and what somebody else can't slip in."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks

from portal.accounts import factor_actions
from portal.accounts.authority import AccountAltered, may_sign_in
from portal.accounts.factor_actions import MAX_PASSKEYS, FactorExists, NewPasskey, NoWayIn, PasswordNeeded
from portal.accounts.factor_rows import kinds_in
from portal.models import Activity, User
from registries.foundation.actor import CONSOLE
from tests.conftest import PASSWORD
from tests.support.second_factors import SECRET, add_passkey_row, add_recovery_codes, add_totp, unused_codes
from tests.support.sign_ins import actions_of, sign_in

PASSKEY = NewPasskey(name="Laptop", credential={"id": "x"}, sign_count=0, is_passwordless=True)


@pytest.fixture(autouse=True)
def sends_mail(settings: Any) -> None:
    settings.PORTAL_SENDS_MAIL = True


def kinds(person: User) -> set[str]:
    person.refresh_from_db()
    assert may_sign_in(person)
    return set(kinds_in(person.second_factors))


def is_signed_in(browser: Client) -> bool:
    return browser.get("/accounts/2fa/").status_code == 200


def test_the_first_factor_brings_recovery_codes(bob: User) -> None:
    assert factor_actions.add_totp(bob, SECRET, by=CONSOLE)
    assert kinds(bob) == {"totp", "recovery_codes"}
    assert not factor_actions.add_passkey(bob, PASSKEY, by=CONSOLE)
    assert kinds(bob) == {"totp", "recovery_codes", "webauthn"}
    assert SECRET not in str(list(Authenticator.objects.values_list("data", flat=True)))


def test_the_last_one_takes_them_away(bob: User) -> None:
    factor_actions.add_totp(bob, SECRET, by=CONSOLE)
    factor_actions.remove_factor(bob, Authenticator.objects.get(type="totp").pk, by=CONSOLE)
    assert kinds(bob) == set()
    assert not Authenticator.objects.exists()


def test_sessions_end_and_a_mail_tells(
    bob: User, acme: Any, member: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    assert is_signed_in(member)
    with django_capture_on_commit_callbacks(execute=True):
        factor_actions.add_passkey(bob, PASSKEY, by=CONSOLE)
    assert not is_signed_in(member)
    assert [(sent.to, sent.subject) for sent in mail.outbox] == [([bob.email], "[Drayage] A second factor was added")]
    assert "passkey “Laptop”" in mail.outbox[0].body
    assert actions_of(acme) == ["account.second_factor_added"]


def test_there_is_one_app(bob: User) -> None:
    factor_actions.add_totp(bob, SECRET, by=CONSOLE)
    with pytest.raises(FactorExists):
        factor_actions.add_totp(bob, SECRET, by=CONSOLE)


def test_passkeys_are_limited(bob: User) -> None:
    for _ in range(MAX_PASSKEYS):
        add_passkey_row(bob)
    with pytest.raises(factor_actions.TooManyPasskeys):
        factor_actions.add_passkey(bob, PASSKEY, by=CONSOLE)


def test_nobody_removes_or_renames_somebody_elses(alice: User, bob: User) -> None:
    row = add_passkey_row(alice)
    with pytest.raises(Authenticator.DoesNotExist):
        factor_actions.remove_factor(bob, row.pk, by=CONSOLE)
    with pytest.raises(Authenticator.DoesNotExist):
        factor_actions.rename_passkey(bob, row.pk, "Mine", by=CONSOLE)


def test_renaming(bob: User) -> None:
    row = add_passkey_row(bob)
    assert factor_actions.rename_passkey(bob, row.pk, "Phone", by=CONSOLE)
    assert not factor_actions.rename_passkey(bob, row.pk, "Phone", by=CONSOLE)
    assert kinds(bob) == {"webauthn"}
    assert str(Authenticator.objects.get()) == "Phone"


class TestWithoutPassword:
    def test_it_needs_a_passkey_that_signs_in_alone(self, bob: User) -> None:
        add_totp(bob)
        add_passkey_row(bob, passwordless=False)
        with pytest.raises(PasswordNeeded):
            factor_actions.remove_password(bob, by=CONSOLE)
        assert bob.check_password(PASSWORD)

    def test_the_last_passkey_stays(self, bob: User) -> None:
        first, second = add_passkey_row(bob, passwordless=True), add_passkey_row(bob, passwordless=True)
        assert factor_actions.remove_password(bob, by=CONSOLE)
        assert not factor_actions.remove_password(bob, by=CONSOLE)
        factor_actions.remove_factor(bob, first.pk, by=CONSOLE)
        with pytest.raises(NoWayIn):
            factor_actions.remove_factor(bob, second.pk, by=CONSOLE)
        bob.refresh_from_db()
        assert not bob.has_usable_password()
        assert kinds(bob) == {"webauthn"}


class TestRecoveryCodes:
    def test_they_are_shown_once_and_replaced(self, bob: User) -> None:
        factor_actions.add_totp(bob, SECRET, by=CONSOLE)
        codes = factor_actions.show_recovery_codes(bob, by=CONSOLE)
        assert len(set(codes)) == 10
        assert factor_actions.show_recovery_codes(bob, by=CONSOLE) == []
        assert factor_actions.replace_recovery_codes(bob, by=CONSOLE)
        assert not set(codes) & set(factor_actions.show_recovery_codes(bob, by=CONSOLE))
        assert kinds(bob) == {"totp", "recovery_codes"}

    def test_without_a_factor_there_are_none(self, bob: User) -> None:
        assert not factor_actions.replace_recovery_codes(bob, by=CONSOLE)
        assert factor_actions.show_recovery_codes(bob, by=CONSOLE) == []

    def test_a_used_one_can_not_be_made_unused_in_the_database(self, bob: User, acme: Any) -> None:
        add_totp(bob)
        codes = add_recovery_codes(bob)
        first = unused_codes(bob, codes)[0]
        assert sign_in(bob).post("/accounts/2fa/authenticate/", {"code": first}).status_code == 302
        assert kinds(bob) == {"totp", "recovery_codes"}

        row = Authenticator.objects.get(type="recovery_codes")
        assert row.data["used_mask"] == 1
        row.data["used_mask"] = 0
        row.save()
        browser = sign_in(bob)
        browser.post("/accounts/2fa/authenticate/", {"code": first})
        assert not is_signed_in(browser)


class TestReset:
    def test_everything_goes_with_a_record_and_a_mail(
        self,
        bob: User,
        acme: Any,
        member: Client,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    ) -> None:
        add_totp(bob)
        add_recovery_codes(bob)
        with django_capture_on_commit_callbacks(execute=True):
            assert factor_actions.reset_factors(bob, "Lost phone, called back", by=CONSOLE)
        assert kinds(bob) == set()
        assert not is_signed_in(member)
        assert actions_of(acme) == actions_of(None) == ["account.second_factors_reset"]
        assert Activity.objects.latest("pk").text.detail == "Lost phone, called back"
        assert "Lost phone, called back" in mail.outbox[0].body

    def test_without_factors_nothing_happens(self, bob: User) -> None:
        assert not factor_actions.reset_factors(bob, "Lost phone", by=CONSOLE)
        assert not Activity.objects.exists()


class TestWriterOfTheDatabase:
    """What somebody writes while an honest change is made is not covered by the new mark."""

    @pytest.mark.parametrize("kind", ["webauthn", "recovery_codes"])
    def test_a_factor_inserted_during_a_change(self, kind: str, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
        really = factor_actions._insert

        def insert(*args: Any) -> Authenticator:
            row = really(*args)
            if row.type == "totp":
                Authenticator.objects.create(user=bob, type=kind, data={"name": "Rogue"})
            return row

        monkeypatch.setattr(factor_actions, "_insert", insert)
        if kind == "webauthn":
            factor_actions.add_totp(bob, SECRET, by=CONSOLE)
        else:
            with pytest.raises(AccountAltered):
                factor_actions.add_totp(bob, SECRET, by=CONSOLE)
        bob.refresh_from_db()
        assert may_sign_in(bob) is (kind != "webauthn")  # recovery codes: nothing was changed

    @pytest.mark.parametrize(
        "change",
        [
            lambda person: factor_actions.add_passkey(person, PASSKEY, by=CONSOLE),
            lambda person: factor_actions.replace_recovery_codes(person, by=CONSOLE),
            lambda person: factor_actions.reset_factors(person, "Lost", by=CONSOLE),
            lambda person: factor_actions.remove_password(person, by=CONSOLE),
        ],
    )
    @pytest.mark.parametrize("way", ["insert", "delete", "change"])
    def test_an_honest_change_confirms_nothing(self, way: str, change: Any, bob: User) -> None:
        add_totp(bob)
        add_passkey_row(bob, passwordless=True)
        rows = Authenticator.objects.filter(user=bob, type="webauthn")
        match way:
            case "insert":
                Authenticator.objects.create(user=bob, type="webauthn", data={"name": "Rogue"})
            case "delete":
                rows.delete()
            case "change":
                rows.update(data={"name": "Laptop", "credential": {"id": "y"}, "passwordless": True})
        with pytest.raises(AccountAltered):
            change(bob)
        bob.refresh_from_db()
        assert not may_sign_in(bob)
