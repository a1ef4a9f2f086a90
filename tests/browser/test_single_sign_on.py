"""Single sign-on with Chromium: an owner sets it up and checks it, signs in with it, and finds it connected."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect

from portal.accounts.sso import exchange
from portal.models import SsoProvider
from tests.browser.conftest import picture, violations
from tests.browser.pages import no_sideways, sign_in
from tests.conftest import PASSWORD
from tests.support.identity_providers import CLIENT_ID, CLIENT_SECRET, know, real_provider, verified_domain, work

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SETTINGS = "/o/acme/settings/sso/"
RELOADED_MS = 30_000
"""How long the waiting page may take to reload on a busy machine, where it asks again every second."""


@pytest.fixture
def issuer(tmp_path: Path, alice: Any) -> Iterator[str]:
    """A provider that knows alice."""
    with real_provider(tmp_path) as issuer:
        know(issuer, "alice", email=alice.email, email_verified=True)
        yield issuer


@pytest.mark.parametrize(("width", "scheme"), [("desk", "light"), ("desk", "dark"), ("phone", "light")])
def test_from_the_settings_to_the_connected_sign_in(
    open_context: Callable[..., BrowserContext], live_server: Any, settings: Any, acme: Any, alice: Any, issuer: str,
    width: str, scheme: str,
) -> None:  # fmt: skip
    settings.PORTAL_PUBLIC_URL = live_server.url
    page = open_context(width, color_scheme=scheme, bypass_csp=True).new_page()
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        no_sideways(page)
        picture(page, f"sso-{name}-{width}-{scheme}")
        found[name] = violations(page)

    def at_the_provider() -> None:
        page.wait_for_url(re.compile(re.escape(issuer)))
        page.locator("input[name=sub]").first.fill("alice")
        page.get_by_role("button", name="Authorize").click()
        expect(page.get_by_text("We are verifying the provider's answer.")).to_be_visible(timeout=RELOADED_MS)

    sign_in(page, alice)
    page.goto(SETTINGS)
    look("empty")
    page.get_by_label("Issuer").fill(issuer)
    page.get_by_label("Client ID").fill(CLIENT_ID)
    page.get_by_label("Client secret").fill(CLIENT_SECRET)
    page.get_by_role("button", name="Save").first.click()
    exchange.configure(SsoProvider.objects.get().pk)
    verified_domain(acme)
    page.goto(SETTINGS)
    look("set")

    page.get_by_role("button", name="Check", exact=True).first.click()
    exchange.configure(SsoProvider.objects.get().pk)  # the worker that was woken
    at_the_provider()
    picture(page, f"sso-waiting-{width}-{scheme}")  # it reloads itself, which ends whatever runs in it
    work()
    expect(page.get_by_role("heading", level=1)).to_have_text("Single sign-on works", timeout=RELOADED_MS)
    look("works")

    page.context.clear_cookies()
    page.goto("/accounts/login/")
    look("sign-in")
    page.get_by_role("link", name="Sign in with your organization's single sign-on").click()
    look("find")
    page.get_by_label("Work email or organization").fill(alice.email)
    page.get_by_role("button", name="Continue").click()
    at_the_provider()
    work()
    expect(page.get_by_text("You have an account already.")).to_be_visible(timeout=RELOADED_MS)
    page.get_by_label("Email").fill(alice.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Connect single sign-on")
    look("connect")
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Connected sign-ins")
    look("connected")
    assert not any(found.values()), found
