"""The mail that says that a password was changed."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.test import Client

from portal.accounts.actions import set_password
from portal.accounts.reset_tokens import ResetTokens
from portal.models import User
from registries.foundation.actor import CONSOLE
from tests.conftest import PASSWORD
from tests.support.fresh_sign_ins import signed_in

pytestmark = pytest.mark.django_db
PAGE = "/accounts/password/change/"
NEW = "another long battery"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture(autouse=True)
def _sends(settings: Any) -> None:
    settings.PORTAL_SENDS_MAIL = True
    settings.PORTAL_PUBLIC_URL = "https://portal.example"


def change(person: User, old: str, committed: Any) -> int:
    browser = signed_in(person, Client(headers={"User-Agent": FIREFOX}, REMOTE_ADDR="192.0.2.7"))
    with committed(execute=True):
        return browser.post(PAGE, {"oldpassword": old, "password1": NEW, "password2": NEW}).status_code


def test_on_ones_own_page(alice: User, bob: User, django_capture_on_commit_callbacks: Any) -> None:
    assert change(alice, PASSWORD, django_capture_on_commit_callbacks) == 302
    [sent] = mail.outbox
    assert (sent.to, sent.cc, sent.bcc) == ([alice.email], [], [])
    assert sent.subject == "[Drayage] Your password was changed"
    body = str(sent.body)
    for text in ("From: 192.0.2.7", "Device: Firefox on Linux", "https://portal.example/accounts/"):
        assert text in body
    assert "By:" not in body
    assert NEW not in body
    assert PASSWORD not in body


def test_none_for_a_wrong_current_one(alice: User, django_capture_on_commit_callbacks: Any) -> None:
    assert change(alice, "a wrong guess", django_capture_on_commit_callbacks) == 200
    assert mail.outbox == []


@pytest.mark.parametrize(
    ("is_reset", "subject"), [(False, "Your password was changed"), (True, "Your password was reset")]
)
def test_of_an_operator_and_by_link(
    is_reset: bool, subject: str, alice: User, django_capture_on_commit_callbacks: Any
) -> None:
    if is_reset:
        ResetTokens().make_token(alice)
    with django_capture_on_commit_callbacks(execute=True):
        set_password(alice, NEW, is_reset=is_reset, by=CONSOLE)
    [sent] = mail.outbox
    assert sent.to == [alice.email]
    assert sent.subject == f"[Drayage] {subject}"
    assert NEW not in str(sent.body)
