"""Somebody who can write to the database and open the sign-in page doesn't get to create codes for nodes."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.utils import user_pk_to_url_str
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.test import Client
from django.utils import timezone

from groups.models import Enrolment
from portal.accounts.actions import change_person, set_password
from portal.models import User
from registries.foundation.actor import CONSOLE
from tests.conftest import PASSWORD
from tests.support import password_mails, raw_sql
from tests.support.second_factors import second_step

ENROL = "/admin/groups/enrolment/add/"
OWN = "a password of his own"
SQL = Callable[..., None]


@pytest.fixture
def sql(db: None) -> SQL:
    """What a writer of the database does: one statement."""
    return raw_sql.sql


@pytest.fixture(autouse=True)
def sends_mail(settings: Any) -> None:
    settings.PORTAL_SENDS_MAIL = True


@pytest.fixture(autouse=True)
def no_code_is_created(db: None) -> Iterator[None]:
    yield
    assert not Enrolment.objects.exists()


def sign_in(email: str, password: str) -> Client:
    """He knows the code of the second factor as well, so that it is not what stops him."""
    browser = Client()
    second_step(browser, browser.post("/accounts/login/", {"login": email, "password": password}))
    return browser


def is_refused(browser: Client) -> bool:
    answer = browser.post(ENROL, {"node_name": "rogue"})
    return answer.status_code in (302, 403) and "login" in answer.headers.get("Location", "login")


def test_operators_still_create_codes(olga: User) -> None:
    browser = sign_in(olga.email, PASSWORD)
    assert browser.post(ENROL, {"node_name": "honest"}).status_code == 200
    assert Enrolment.objects.filter(node_name="honest").delete()[0]


def test_a_password_of_his_own(olga: User, sql: SQL) -> None:
    sql("UPDATE portal_user SET password = %s WHERE id = %s", make_password(OWN), olga.pk)
    assert is_refused(sign_in(olga.email, OWN))
    olga.refresh_from_db()
    assert olga.altered_at is not None


def test_the_hash_and_mark_of_his_own_account(olga: User, mallory: User, sql: SQL) -> None:
    sql(
        "UPDATE portal_user SET password = %s, authority_mark = %s WHERE id = %s",
        mallory.password, mallory.authority_mark, olga.pk,
    )  # fmt: skip
    assert is_refused(sign_in(olga.email, PASSWORD))


@pytest.mark.parametrize("signed_in_before", [True, False])
def test_the_rights_of_an_operator(signed_in_before: bool, mallory: User, sql: SQL) -> None:
    browser = sign_in(mallory.email, PASSWORD)
    sql("UPDATE portal_user SET is_superuser = %s, is_staff = %s WHERE id = %s", True, True, mallory.pk)
    assert is_refused(browser if signed_in_before else sign_in(mallory.email, PASSWORD))


@pytest.mark.parametrize("column", ["is_superuser", "is_staff", "is_support"])
def test_more_rights_for_support(column: str, sam: User, sql: SQL) -> None:
    change_person(sam, {"is_support": column != "is_support"}, by=CONSOLE)
    browser = sign_in(sam.email, PASSWORD)
    assert browser.get("/admin/").status_code == 200
    sql(f"UPDATE portal_user SET {column} = NOT {column} WHERE id = %s", sam.pk)
    assert is_refused(browser)
    assert browser.get("/admin/").status_code == 302


def test_a_new_account(sql: SQL) -> None:
    columns = "password, is_superuser, is_staff, is_support, is_active, email, first_name, last_name, date_joined"
    sql(
        f"INSERT INTO portal_user ({columns}) VALUES (%s, %s, %s, %s, %s, %s, '', '', %s)",
        make_password(OWN), True, True, False, True, "rogue@umbrella.example", timezone.now(),
    )  # fmt: skip
    assert is_refused(sign_in("rogue@umbrella.example", OWN))


def test_the_key_of_an_operators_row(olga: User, sql: SQL) -> None:
    """His own row in place of the operator's."""
    attacker = User.objects.create_user("rogue@umbrella.example", OWN)
    sql("DELETE FROM portal_user WHERE id = %s", olga.pk)
    sql("UPDATE portal_user SET id = %s WHERE id = %s", olga.pk, attacker.pk)
    sql("UPDATE portal_user SET is_superuser = %s, is_staff = %s WHERE id = %s", True, True, olga.pk)
    assert is_refused(sign_in(attacker.email, OWN))


def test_an_account_that_was_deactivated(olga: User, sql: SQL) -> None:
    change_person(olga, {"is_active": False}, by=CONSOLE)
    sql("UPDATE portal_user SET is_active = %s WHERE id = %s", True, olga.pk)
    assert is_refused(sign_in(olga.email, PASSWORD))


@pytest.mark.parametrize("way", ["own password", "weaker hash", "link"])
def test_an_honest_change_confirms_nothing(way: str, mallory: User, sql: SQL, settings: Any) -> None:
    browser = sign_in(mallory.email, PASSWORD)
    if way == "link":
        asks_for_link(mallory.email)
    sql("UPDATE portal_user SET is_superuser = %s, is_staff = %s WHERE id = %s", True, True, mallory.pk)
    match way:
        case "own password":
            new = {"oldpassword": PASSWORD, "password1": OWN, "password2": OWN}
            browser.post("/accounts/password/change/", new)
        case "weaker hash":
            settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher", *settings.PASSWORD_HASHERS]
        case "link":
            opens_link()
    assert is_refused(browser)
    assert is_refused(sign_in(mallory.email, PASSWORD))
    assert is_refused(sign_in(mallory.email, OWN))


def asks_for_link(email: str) -> None:
    assert password_mails.ask_for_link(email).status_code == 302


def opens_link(address: str = "") -> None:
    """Open the link of the last email, or this one, and set a password."""
    if not address:
        [word] = [word for word in str(mail.outbox[-1].body).split() if "/reset/key/" in word]
        address = "/accounts/" + word.partition("/accounts/")[2]
    browser = Client()
    shown = browser.get(address)
    if shown.status_code == 302:
        browser.post(shown.headers["Location"], {"password1": OWN, "password2": OWN})


def test_an_honest_link_sets_a_password(olga: User) -> None:
    asks_for_link(olga.email)
    opens_link()
    browser = sign_in(olga.email, OWN)
    assert browser.get("/admin/").status_code == 200
    assert not User.objects.get(pk=olga.pk).altered_at


def test_a_link_that_he_knows(olga: User, sql: SQL) -> None:
    token = "drp_" + secrets.token_urlsafe(32)
    state = "\n".join((olga.password, olga.email, ""))
    sql(
        "INSERT INTO portal_passwordreset (person_id, token_hash, account_state, expires_at) VALUES (%s, %s, %s, %s)",
        olga.pk, hashlib.sha256(token.encode()).hexdigest(), hashlib.sha256(state.encode()).hexdigest(),
        timezone.now() + timedelta(days=1),
    )  # fmt: skip
    opens_link(f"/accounts/password/reset/key/{user_pk_to_url_str(olga)}-{token}/")
    assert is_refused(sign_in(olga.email, OWN))


def test_his_own_link_for_the_operator(olga: User, mallory: User, sql: SQL) -> None:
    asks_for_link(mallory.email)
    state = hashlib.sha256("\n".join((olga.password, olga.email, "")).encode()).hexdigest()
    sql("UPDATE portal_passwordreset SET person_id = %s, account_state = %s", olga.pk, state)
    [word] = [word for word in str(mail.outbox[-1].body).split() if "/reset/key/" in word]
    token = word.rstrip("/").rpartition("-drp_")[2]
    opens_link(f"/accounts/password/reset/key/{user_pk_to_url_str(olga)}-drp_{token}/")
    assert is_refused(sign_in(olga.email, OWN))


@pytest.mark.parametrize("way", ["of the account", "in addition"])
def test_an_address_of_his_own(way: str, olga: User, sql: SQL) -> None:
    if way == "of the account":
        sql("UPDATE portal_user SET email = %s WHERE id = %s", "rogue@umbrella.example", olga.pk)
    else:
        columns = 'user_id, email, verified, "primary"'
        sql(
            f"INSERT INTO account_emailaddress ({columns}) VALUES (%s, %s, %s, %s)",
            olga.pk, "rogue@umbrella.example", True, True,
        )  # fmt: skip
    asks_for_link("rogue@umbrella.example")
    received = [message for message in mail.outbox if message.to == ["rogue@umbrella.example"]]
    if received:
        opens_link()
    assert way == "of the account" or not received
    assert is_refused(sign_in("rogue@umbrella.example", OWN))
    assert is_refused(sign_in(olga.email, OWN))


def test_an_address_that_was_his_for_a_moment(olga: User, sql: SQL) -> None:
    """He asks for the link while the operator's address is his, and puts everything right before he opens it."""
    email = olga.email
    sql("UPDATE portal_user SET email = %s WHERE id = %s", "rogue@umbrella.example", olga.pk)
    asks_for_link("rogue@umbrella.example")
    sql("UPDATE portal_user SET email = %s WHERE id = %s", email, olga.pk)
    state = hashlib.sha256("\n".join((olga.password, email, "")).encode()).hexdigest()
    with contextlib.suppress(AssertionError):  # no link was made
        sql("UPDATE portal_passwordreset SET account_state = %s", state)
    if mail.outbox:
        opens_link()
    assert is_refused(sign_in(email, OWN))
    assert not mail.outbox
    assert User.objects.get(pk=olga.pk).altered_at is not None


@pytest.mark.parametrize("way", ["own", "of a group"])
def test_rows_of_permissions(way: str, sam: User, sql: SQL) -> None:
    """Support and others who may open the admin have what the marked columns give them, and nothing else."""
    for permission in Permission.objects.all():
        if way == "own":
            sam.user_permissions.add(permission)
        else:
            group, _ = Group.objects.get_or_create(name="operators")
            group.permissions.add(permission)
            sam.groups.add(group)
    browser = sign_in(sam.email, PASSWORD)
    assert browser.get("/admin/").status_code == 200
    assert is_refused(browser)
    for page in ("user/", "user/add/", f"user/{sam.pk}/change/", f"user/{sam.pk}/link/", "organization/"):
        assert browser.get(f"/admin/portal/{page}").status_code == 403, page


def test_an_operator_without_second_factor(olga: User, sql: SQL) -> None:
    """He knows the password."""
    sql("DELETE FROM mfa_authenticator WHERE user_id = %s", olga.pk)
    assert is_refused(sign_in(olga.email, PASSWORD))


def test_a_second_factor_that_is_away_for_a_moment(olga: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """He removes it after the account was checked, and puts it back before it is checked again."""
    monkeypatch.setattr("portal.accounts.adapters.MFAAdapter.is_mfa_enabled", lambda *_, **__: False)
    browser = Client()
    page = browser.post("/accounts/login/", {"login": olga.email, "password": PASSWORD}, follow=True)
    assert "Sign in again" in page.content.decode()
    assert is_refused(browser)
    assert not User.objects.get(pk=olga.pk).altered_at


def test_a_second_factor_that_is_gone_stays_asked_for(olga: User, sql: SQL) -> None:
    """Nothing that others change of the account takes the factor that is gone for one that was removed."""
    sql("DELETE FROM mfa_authenticator WHERE user_id = %s", olga.pk)
    with pytest.raises(Exception, match="confirm_account"):
        set_password(olga, OWN, by=CONSOLE)
    assert is_refused(sign_in(olga.email, OWN))
