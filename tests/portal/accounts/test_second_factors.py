"""A second factor is one person's: rows that a thief moves between people open nothing, and break no page."""

from __future__ import annotations

import base64
import importlib
import json
from typing import Any

import pytest
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db import connection
from django.test import Client
from structlog.testing import capture_logs

from portal.accounts import second_factors
from portal.accounts.second_factors import OwnerUnknown, owned_by
from registries.secrets import at_rest
from registries.secrets.at_rest import AtRestBroken
from tests.conftest import PASSWORD
from tests.support.second_factors import SECRET, add_recovery_codes, add_totp, code_now, cover, unused_codes
from tests.support.sign_ins import sign_in

pytestmark = pytest.mark.usefixtures("no_limits_left_over")
migration = importlib.import_module("portal.migrations.0020_second_factors_bound")
OTHER_SECRET = "KRSXG5CTMVRXEZLU"  # pragma: allowlist secret


def sql(statement: str, *values: Any) -> None:
    """Write to the database past the portal."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount == 1


def row_of(person: Any, kind: str = "totp") -> Authenticator:
    return Authenticator.objects.get(user=person, type=kind)


def copy(source: Authenticator, target: Authenticator) -> None:
    sql("UPDATE mfa_authenticator SET data = %s WHERE id = %s", json.dumps(source.data), target.pk)
    cover(target.user)  # so that the account's mark is not what stops him


def enters(browser: Client, code: str) -> bool:
    """Whether the code completes the sign-in; a page says so if it doesn't."""
    answer = browser.post("/accounts/2fa/authenticate/", {"code": code})
    if answer.status_code == 302:
        return True
    assert answer.status_code == 200
    assert "Incorrect code" in answer.text
    return False


@pytest.fixture
def people(acme: Any, alice: Any, bob: Any) -> tuple[Any, Any]:
    """bob is the thief: he has his own authenticator app, and writes the database."""
    add_totp(alice)
    add_totp(bob, OTHER_SECRET)
    return alice, bob


def test_each_enters_with_their_own(people: tuple[Any, Any]) -> None:
    alice, bob = people
    assert enters(sign_in(alice), code_now())
    assert enters(sign_in(bob), code_now(OTHER_SECRET))


def test_a_copied_secret_opens_no_account(people: tuple[Any, Any]) -> None:
    alice, bob = people
    copy(row_of(bob), row_of(alice))

    with capture_logs() as logs:
        browser = sign_in(alice)
        assert not enters(browser, code_now(OTHER_SECRET))
        assert not enters(browser, code_now())

    assert {"event": "second_factor_refused", "person": alice.pk, "log_level": "error"} in logs
    assert SECRET not in str(logs)
    assert OTHER_SECRET not in str(logs)


def test_a_moved_row_opens_no_account(people: tuple[Any, Any]) -> None:
    alice, bob = people
    moved = row_of(bob)
    row_of(alice).delete()
    sql("UPDATE mfa_authenticator SET user_id = %s WHERE id = %s", alice.pk, moved.pk)
    cover(alice)
    assert not enters(sign_in(alice), code_now(OTHER_SECRET))


def test_recovery_codes_of_another_person_open_none(people: tuple[Any, Any]) -> None:
    alice, bob = people
    add_recovery_codes(alice)
    mine = add_recovery_codes(bob)
    known = unused_codes(bob, mine)[0]
    copy(row_of(bob, "recovery_codes"), row_of(alice, "recovery_codes"))
    browser = sign_in(alice)
    assert not enters(browser, known)
    assert enters(browser, code_now()), "the other factor still works"


def test_a_secret_of_another_kind_is_none(alice: Any, acme: Any) -> None:
    add_totp(alice)
    add_recovery_codes(alice)
    totp, codes = row_of(alice), row_of(alice, "recovery_codes")
    sql(
        "UPDATE mfa_authenticator SET data = %s WHERE id = %s",
        json.dumps({"seed": totp.data["secret"], "used_mask": 0}),
        codes.pk,
    )
    totp.delete()
    with owned_by(alice.pk), pytest.raises(AtRestBroken):
        second_factors.decrypt(row_of(alice, "recovery_codes").data["seed"])


@pytest.mark.parametrize("stored", ["", "x", "é", "AAAA", base64.b64encode(b"x" * 60).decode(), SECRET])
def test_what_is_damaged_matches_no_code(acme: Any, alice: Any, stored: str) -> None:
    add_totp(alice)
    sql("UPDATE mfa_authenticator SET data = %s WHERE user_id = %s", json.dumps({"secret": stored}), alice.pk)
    cover(alice)
    assert not enters(sign_in(alice), code_now())


def test_codes_of_another_person_are_not_shown(acme: Any, alice: Any, bob: Any) -> None:
    add_recovery_codes(alice)
    add_recovery_codes(bob)
    browser = sign_in(bob)
    with owned_by(bob.pk):
        browser.post(
            "/accounts/2fa/authenticate/", {"code": row_of(bob, "recovery_codes").wrap().get_unused_codes()[0]}
        )
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    copy(row_of(alice, "recovery_codes"), row_of(bob, "recovery_codes"))
    answer = browser.post("/accounts/2fa/recovery-codes/", follow=True)
    assert answer.redirect_chain[-1][0] == "/accounts/2fa/"
    assert "not yours" in answer.text


def test_each_person_activates_their_own(acme: Any, alice: Any) -> None:
    """By the page, where the person is who is signed in."""
    browser = sign_in(alice)
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    secret = browser.get("/accounts/2fa/totp/activate/").context["form"].secret
    browser.post("/accounts/2fa/totp/activate/", {"code": code_now(secret)})

    with owned_by(alice.pk):
        assert second_factors.decrypt(row_of(alice).data["secret"]) == secret
    with owned_by(alice.pk + 1), pytest.raises(AtRestBroken):
        second_factors.decrypt(row_of(alice).data["secret"])


def test_nobodys_secret_is_neither_encrypted_nor_decrypted(alice: Any) -> None:
    for call in (get_adapter().encrypt, get_adapter().decrypt):
        with pytest.raises(OwnerUnknown):
            call(SECRET)


class TestThePreviousVersion:
    @staticmethod
    def before(person: Any, kind: str, text: str) -> Authenticator:
        """A row as the previous version wrote it."""
        stored = base64.b64encode(at_rest.encrypt(text.encode(), bound_to="second factor")).decode()
        field = second_factors.FIELDS[kind]
        return Authenticator.objects.create(user=person, type=kind, data={field: stored, "used_mask": 3})

    def test_its_rows_are_bound_to_their_people(self, acme: Any, alice: Any, bob: Any) -> None:
        for person, secret in ((alice, SECRET), (bob, OTHER_SECRET)):
            self.before(person, "totp", secret)
        self.before(alice, "recovery_codes", "0a" * 40)

        migration.bind(apps, None)
        cover(alice)
        cover(bob)

        assert enters(sign_in(alice), code_now())
        assert enters(sign_in(bob), code_now(OTHER_SECRET))
        codes = row_of(alice, "recovery_codes")
        assert codes.data["used_mask"] == 3
        with owned_by(alice.pk):
            assert second_factors.decrypt(codes.data["seed"]) == "0a" * 40

    def test_afterwards_an_old_row_opens_nothing(self, acme: Any, alice: Any) -> None:
        """The thief puts the row of a backup back."""
        self.before(alice, "totp", SECRET)
        cover(alice)
        assert not enters(sign_in(alice), code_now())

    def test_it_can_be_taken_back_and_keeps_what_it_can_not_read(self, acme: Any, alice: Any, bob: Any) -> None:
        self.before(alice, "totp", SECRET)
        damaged = Authenticator.objects.create(user=bob, type="totp", data={"secret": "only-for-tests"})
        migration.bind(apps, None)
        migration.unbind(apps, None)
        stored = base64.b64decode(row_of(alice).data["secret"])
        assert at_rest.decrypt(stored, bound_to="second factor") == SECRET.encode()
        damaged.refresh_from_db()
        assert damaged.data == {"secret": "only-for-tests"}
