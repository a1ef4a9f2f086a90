"""Links that set a new password: random, once, and not to be made from the secret key."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from portal.accounts.actions import set_password
from portal.accounts.reset_tokens import ResetLinkUsed, ResetTokens
from portal.models import Activity, PasswordReset, User
from registries.foundation.actor import CONSOLE
from tests.conftest import PASSWORD
from tests.support import password_mails
from tests.support.sign_ins import sign_in

NEW = "a new and long sentence"


@pytest.fixture(autouse=True)
def _no_limits_left_over(db: None) -> None:
    cache.clear()


@pytest.fixture
def tokens() -> ResetTokens:
    """What allauth uses."""
    assert isinstance(default_token_generator, ResetTokens)
    return default_token_generator


def mailed_link(person: User, settings: Any) -> str:
    """The link in the mail that somebody asked for."""
    settings.PORTAL_SENDS_MAIL = True
    password_mails.ask_for_link(person.email)
    (link,) = re.findall(r"/accounts/password/reset/key/\S+", str(mail.outbox.pop().body))
    return str(link)


def use(link: str, password: str = NEW) -> int:
    """Open the link and set a password; return the status of the last response."""
    browser = Client()
    opened = browser.get(link)
    if opened.status_code != 302:
        return opened.status_code
    return browser.post(opened["Location"], {"password1": password, "password2": password}).status_code


def test_a_mailed_link_works_once(alice: User, acme: Any, settings: Any) -> None:
    link = mailed_link(alice, settings)
    assert use(link) == 302
    alice.refresh_from_db()
    assert alice.check_password(NEW)
    assert Activity.objects.filter(action="account.password_reset").exists()
    assert not PasswordReset.objects.exists()
    assert use(link, "another long sentence") == 200, "the page that the link is over"
    alice.refresh_from_db()
    assert alice.check_password(NEW)


def test_a_link_forged_from_the_secret_key_and_the_row_is_refused(alice: User) -> None:
    """Who has copied the web host and the database can compute it."""
    uid = user_pk_to_url_str(alice)
    forged = PasswordResetTokenGenerator().make_token(alice)
    [answer] = [Client().get(f"/accounts/password/reset/key/{uid}-{token}/") for token in [forged]]
    assert answer.status_code == 200
    assert "token_fail" in answer.context
    assert not ResetTokens().check_token(alice, forged)


def test_the_database_has_nothing_that_could_be_used(alice: User, tokens: ResetTokens) -> None:
    token = tokens.make_token(alice)
    [row] = PasswordReset.objects.values()
    assert token not in json.dumps(row, default=str)
    assert not any(tokens.check_token(alice, str(value)) for value in row.values())
    assert not tokens.check_token(alice, "drp_" + row["token_hash"][:43])
    assert tokens.check_token(alice, token)


@pytest.mark.parametrize("token", [None, "", "x", "drp_", "drp_" + "ü" * 43, "drp_" + "A" * 43, "\0" * 47])
def test_what_is_no_token_is_refused(token: str | None, alice: User, tokens: ResetTokens) -> None:
    tokens.make_token(alice)
    assert not tokens.check_token(alice, token)
    assert not tokens.check_token(None, token)


def test_it_is_one_persons(alice: User, mallory: User, tokens: ResetTokens) -> None:
    assert not tokens.check_token(mallory, tokens.make_token(alice))


def test_it_lasts_an_hour(alice: User, tokens: ResetTokens) -> None:
    token = tokens.make_token(alice)
    [row] = PasswordReset.objects.all()
    assert abs(row.expires_at - timezone.now() - timedelta(hours=1)) < timedelta(seconds=10)
    PasswordReset.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert not tokens.check_token(alice, token)
    tokens.make_token(alice)
    assert PasswordReset.objects.count() == 1, "what expired is deleted"


@pytest.mark.parametrize("how", ["password", "email", "sign-in", "page", "command"])
def test_it_ends_when_the_account_changes(how: str, alice: User, acme: Any, as_user: Any, tokens: ResetTokens) -> None:
    token = tokens.make_token(alice)
    match how:
        case "password":
            alice.set_password(NEW)
            alice.save()
        case "email":
            User.objects.filter(pk=alice.pk).update(email="alice@elsewhere.example")
        case "sign-in":
            sign_in(alice)
        case "page":
            as_user(alice).post(
                "/accounts/password/change/", {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
            )
        case "command":
            set_password(alice, NEW, by=CONSOLE)
    alice.refresh_from_db()
    assert not tokens.check_token(alice, token)


def test_of_two_windows_one_sets_a_password(alice: User, tokens: ResetTokens) -> None:
    tokens.make_token(alice)
    set_password(alice, NEW, is_reset=True, by=CONSOLE)
    with pytest.raises(ResetLinkUsed):
        set_password(alice, "another long sentence", is_reset=True, by=CONSOLE)
    alice.refresh_from_db()
    assert alice.check_password(NEW)


def test_links_that_confirm_an_address_are_closed(operator: Client) -> None:
    """They are signed with the secret key alone, and nobody is sent one."""
    for path in ("/accounts/confirm-email/", "/accounts/confirm-email/Mg:1abcde:signature/"):
        assert Client().get(path).status_code == 404
        assert operator.post(path).status_code == 404


def test_nobody_prolongs_a_link_in_the_database(alice: User) -> None:
    token = ResetTokens().make_token(alice)
    assert ResetTokens().check_token(alice, token)
    PasswordReset.objects.update(expires_at=timezone.now() + timedelta(days=365))
    assert not ResetTokens().check_token(alice, token)
