"""Links in mails lead to the portal's public address, whatever host a request named."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from allauth.core import context as allauth_context
from django.core import mail
from django.core.cache import cache
from django.test import Client

from portal.accounts.adapters import AccountAdapter
from portal.mail.links import public_link, with_public_links
from portal.models import User
from tests.support import password_mails

PUBLIC = "https://portal.example"
FORGED = ("localhost:9999", "127.0.0.1", "testserver:81", "[::1]:8000", "portal.example:9999")


@pytest.fixture(autouse=True)
def _public(db: None, settings: Any) -> None:
    cache.clear()
    settings.PORTAL_PUBLIC_URL = PUBLIC
    settings.ALLOWED_HOSTS = ["*"]
    settings.PORTAL_SENDS_MAIL = True


def hosts_in_mails() -> set[str]:
    """Scheme and host of every link in what was sent, and whatever else looks like a host that was forged."""
    text = "\n".join(f"{message.subject}\n{message.body}" for message in mail.outbox)
    assert mail.outbox
    assert not [host for host in FORGED if host in text]
    return set(re.findall(r"https?://[^/\s]+", text))


@pytest.mark.parametrize("host", FORGED)
def test_a_forgotten_password(host: str, alice: User) -> None:
    for headers in ({"Host": host}, {"Host": "portal.example", "X-Forwarded-Host": host}):
        Client().post("/accounts/password/reset/", {"email": alice.email}, headers=headers)
    password_mails.deliver()
    assert hosts_in_mails() == {PUBLIC}
    assert len(mail.outbox) == 2


@pytest.mark.parametrize("host", FORGED)
def test_an_invitation_and_a_question_to_support(
    host: str, acme: Any, alice: User, sam: User, as_user: Callable[[User], Client]
) -> None:
    headers, browser = {"Host": host}, as_user(alice)
    browser.post("/o/acme/settings/members/invite/", {"email": "nina@acme.example", "role": "member"}, headers=headers)
    browser.post("/o/acme/support/ask/", {"kind": "other", "message": "Why?"}, headers=headers)
    assert hosts_in_mails() == {PUBLIC}
    assert len(mail.outbox) >= 2


def test_every_mail_of_allauths(rf: Any) -> None:
    """Also those that no page of the portal sends today."""
    request = rf.get("/", headers={"Host": FORGED[0]})
    names = ("password_reset_url", "signup_url", "activate_url")
    context: dict[str, object] = {"user": None, "code": "1", "key": "1", "uid": "1"}
    context |= dict.fromkeys(names, f"http://{FORGED[0]}/accounts/x/?y=z")
    for template in ("password_reset_key", "account_already_exists", "email_confirmation", "unknown_account"):
        with allauth_context.request_context(request):
            AccountAdapter(request).send_mail(f"account/email/{template}", "alice@acme.example", context)
    assert len(mail.outbox) == 4
    assert hosts_in_mails() == {PUBLIC}


def test_path_and_query_stay(settings: Any) -> None:
    assert public_link("http://evil.example:1/a/b/?c=d") == f"{PUBLIC}/a/b/?c=d"
    assert public_link("//evil.example/a") == f"{PUBLIC}/a"
    assert with_public_links({"a_url": "", "b_url": "/x", "c": "http://c.example"}) | {"current_site": None} == {
        "a_url": "",
        "b_url": f"{PUBLIC}/x",
        "c": "http://c.example",
        "current_site": None,
    }
