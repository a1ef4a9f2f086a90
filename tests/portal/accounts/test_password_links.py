"""Links that set a password: proving one's address with one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from portal.accounts.authority import AccountAltered
from portal.accounts.password_links import create_link
from portal.models import PasswordReset, User
from tests.support.sign_ins import sign_in

HERS = "only nina knows this one"
PROVE = "/accounts/profile/prove/"


@pytest.fixture
def sends_mail(settings: Any) -> None:
    settings.PORTAL_SENDS_MAIL = True


def follow(link: str, password: str = HERS) -> Client:
    """Open a link in a new browser and choose a password."""
    browser = Client()
    form = browser.get(link.partition("://")[2].partition("/")[2].join(("/", "")), follow=True)
    address = form.redirect_chain[-1][0] if form.redirect_chain else form.request["PATH_INFO"]
    browser.post(address, {"password1": password, "password2": password})
    return browser


def test_who_reads_the_mail_proves_the_address(nina: User, as_user: Any, sends_mail: None, settings: Any) -> None:
    whose_ever = as_user(nina)
    page = whose_ever.post(PROVE, follow=True)
    assert "A link was sent to nina@acme.example" in page.text
    (sent,) = mail.outbox
    assert sent.to == ["nina@acme.example"]
    assert "in Acme" in " ".join(str(sent.body).split())
    (link,) = re.findall(rf"{settings.PORTAL_PUBLIC_URL}/\S+", str(sent.body))

    follow(link)

    nina.refresh_from_db()
    assert (nina.address_proof, nina.check_password(HERS)) == ("mail", True)
    assert whose_ever.get("/accounts/logout/").status_code == 302, "whoever had the account is signed out"
    assert sign_in(nina, HERS).get("/accounts/logout/").status_code == 200


def test_a_link_works_once(nina: User) -> None:
    link = create_link(nina)
    follow(link)
    follow(link, "another long sentence")
    nina.refresh_from_db()
    assert nina.check_password(HERS)


def test_nobody_is_sent_many(nina: User, as_user: Any, sends_mail: None) -> None:
    browser = as_user(nina)
    pages = [browser.post(PROVE, follow=True).text for _ in range(20)]
    assert "Several emails were asked for already" in pages[-1]
    assert 0 < len(mail.outbox) < 10


def test_where_no_mail_is_sent_an_operator_is_named(nina: User, as_user: Any, settings: Any) -> None:
    page = as_user(nina).post(PROVE, follow=True)
    assert f"Write to {settings.PORTAL_SUPPORT_EMAIL} for a link" in page.text
    assert not PasswordReset.objects.exists()


def test_a_proven_account_needs_none(member: Client, sends_mail: None) -> None:
    member.post(PROVE)
    assert not mail.outbox


def test_none_for_an_altered_account(nina: User) -> None:
    User.objects.filter(pk=nina.pk).update(is_staff=True)
    with pytest.raises(AccountAltered):
        create_link(User.objects.get(pk=nina.pk))
