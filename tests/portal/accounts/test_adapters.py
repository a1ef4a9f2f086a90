"""Signing in: nobody signs up, second factors are kept encrypted."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.cache import cache
from django.test import Client

from portal.accounts.second_factors import owned_by
from portal.models import User
from tests.conftest import PASSWORD
from tests.support import password_mails
from tests.support.second_factors import SECRET, add_totp

LOGIN = "/accounts/login/"


@pytest.fixture(autouse=True)
def _no_limits_left_over(db: None) -> None:
    cache.clear()


def test_a_member_signs_in_and_reaches_the_groups(acme: Any, alice: Any) -> None:
    browser = Client()
    answer = browser.post(LOGIN, {"login": alice.email.upper(), "password": PASSWORD}, follow=True)
    assert answer.redirect_chain[-1][0] == "/o/acme/"


def test_signing_up_is_closed() -> None:
    browser = Client()
    browser.post("/accounts/signup/", {"email": "eve@evil.example", "password1": PASSWORD, "password2": PASSWORD})
    assert not User.objects.exists()


def test_a_wrong_password_says_nothing_about_the_address(alice: Any) -> None:
    browser = Client()
    known = browser.post(LOGIN, {"login": alice.email, "password": "a wrong guess"})
    unknown = browser.post(LOGIN, {"login": "nobody@acme.example", "password": "a wrong guess"})
    text = "The email address or the password is wrong."
    assert known.context["form"].errors == unknown.context["form"].errors == {"__all__": [text]}
    assert "a wrong guess" not in known.content.decode()


def test_a_reset_is_said_once(alice: Any, settings: Any) -> None:
    settings.PORTAL_SENDS_MAIL = True
    browser = Client()
    password_mails.ask_for_link(alice.email)
    (link,) = re.findall(r"/accounts/password/reset/key/\S+", str(mail.outbox[0].body))
    form = browser.get(link)["Location"]
    new = "another ferry leaves at nine"
    done = browser.post(form, {"password1": new, "password2": new}, follow=True).text
    assert "Your password is set" in done
    assert "Your password was changed" not in done
    alice.refresh_from_db()
    assert alice.check_password(new)


def test_asking_for_a_new_password_changes_nothing(alice: Any, as_user: Any, settings: Any) -> None:
    """Anybody can ask. An unverified address of the account would keep its owner from adding a second factor."""
    settings.PORTAL_SENDS_MAIL = True
    password_mails.ask_for_link(alice.email)
    (link,) = re.findall(r"/accounts/password/reset/key/\S+", str(mail.outbox[0].body))
    assert Client().get(link).status_code == 302

    assert not EmailAddress.objects.exists()
    browser = as_user(alice)
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert 'name="code"' in browser.get("/accounts/2fa/totp/activate/").text


def test_next_leads_nowhere_else(acme: Any, alice: Any) -> None:
    browser = Client()
    answer = browser.post(f"{LOGIN}?next=//evil.example/", {"login": alice.email, "password": PASSWORD})
    assert answer["Location"] == "/"


def test_the_secret_of_a_second_factor_is_encrypted_at_rest(alice: Any) -> None:
    add_totp(alice)
    data = Authenticator.objects.get(user=alice).data
    assert SECRET not in json.dumps(data)
    assert SECRET.encode() not in base64.b64decode(data["secret"])
    with owned_by(alice.pk):
        assert get_adapter().decrypt(data["secret"]) == SECRET


def test_without_a_mail_server_the_page_promises_no_link(alice: Any) -> None:
    page = Client().get("/accounts/password/reset/")
    assert "sends no email" in page.content.decode()
    Client().post("/accounts/password/reset/", {"email": alice.email})
    assert mail.outbox == []


def test_with_a_mail_server_a_link_sets_a_new_password(alice: Any, settings: Any) -> None:
    settings.PORTAL_SENDS_MAIL = True
    answer = password_mails.ask_for_link(alice.email)
    assert answer.status_code == 302
    (sent,) = mail.outbox
    assert sent.to == [alice.email]
    assert "/accounts/password/reset/key/" in sent.body


def test_a_mail_server_that_is_down_causes_no_error_and_reveals_no_account(alice: Any, settings: Any) -> None:
    settings.PORTAL_SENDS_MAIL = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    known, unknown = (password_mails.ask_for_link(email) for email in (alice.email, "nobody@acme.example"))

    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert known.status_code == 302


def test_addresses_are_the_operators_to_keep(alice: Any, as_user: Any) -> None:
    assert as_user(alice).get("/accounts/email/").status_code == 404
