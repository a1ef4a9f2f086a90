"""A forgotten password, in a browser: it sends headers with the form that Django's test client doesn't."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import picture, violations
from tests.browser.pages import no_sideways
from tests.support.password_mails import deliver

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NEW = "a new and long sentence"


def asked_for(page: Page, email: str) -> str:
    """Ask for a link on the page for it, and return its path from the mail."""
    page.goto("/accounts/login/")
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("Email").fill(email)
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your email")
    deliver()
    (link,) = re.findall(r"/accounts/password/reset/key/\S+", str(mail.outbox.pop().body))
    return str(link)


@pytest.mark.parametrize("width", ["phone", "desk"])
def test_a_forgotten_password_is_set_with_the_mailed_link(
    open_context: Callable[..., BrowserContext], alice: Any, acme: Any, settings: Any, width: str
) -> None:
    settings.PORTAL_SENDS_MAIL = True
    page = open_context(width, bypass_csp=True).new_page()
    link = asked_for(page, alice.email)

    page.goto(link)
    no_sideways(page)
    picture(page, f"password-link-{width}")
    assert violations(page) == []
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")

    page.goto(link)
    page.get_by_label("New password", exact=True).fill(NEW)
    page.get_by_label("New password again").fill(NEW)
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your password is set")
    picture(page, f"password-set-{width}")
    assert violations(page) == []
    alice.refresh_from_db()
    assert alice.check_password(NEW)

    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("This link no longer works")
    picture(page, f"password-link-over-{width}")
    page.get_by_role("link", name="Ask for a new link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Reset your password")
