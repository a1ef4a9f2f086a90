"""Passkeys with Chromium's virtual authenticator: on its own, as a second step, and the set-up page of an operator."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.http import HttpRequest
from playwright.sync_api import BrowserContext, Page, expect

from portal.accounts.factor_views import SignInWithPasskey
from portal.accounts.sso.access import organizations_of
from portal.home import overview_views
from portal.models import User
from tests.browser.conftest import picture, violations
from tests.browser.pages import no_sideways
from tests.conftest import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(autouse=True)
def public_url(live_server: Any, settings: Any) -> str:
    """Passkeys belong to a name, not to an IP address."""
    assert "//localhost:" in live_server.url
    settings.PORTAL_PUBLIC_URL = live_server.url
    cache.clear()
    return str(live_server.url)


def device(page: Page, **options: Any) -> str:
    """Give the page's browser a device with passkeys; return its id."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable", {"enableUI": False})
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": {**DEVICE, **options}})
    page.device = (session, made["authenticatorId"])  # type: ignore[attr-defined]
    return str(made["authenticatorId"])


def waits_for_touch(page: Page, touches: bool) -> None:
    """Whether the person touches the device when it asks."""
    session, key = page.device  # type: ignore[attr-defined]
    session.send("WebAuthn.setAutomaticPresenceSimulation", {"authenticatorId": key, "enabled": touches})


def enter_password(page: Page, person: Any) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def add_passkey(page: Page, name: str = "Laptop", *, alone: bool = True) -> None:
    page.goto("/accounts/2fa/webauthn/add/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Sign in with this passkey alone").set_checked(alone)
    page.get_by_role("button", name="Add the passkey").click()


def keep_codes(page: Page) -> None:
    page.get_by_role("button", name="Show the codes").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Keep these recovery codes")


def sign_out(page: Page) -> None:
    page.context.clear_cookies()


@pytest.fixture
def open_page(open_context: Callable[..., BrowserContext], public_url: str) -> Callable[..., Page]:
    """Return a way to pages under the portal's name."""

    def fresh(width: str = "desk", **options: Any) -> Page:
        return open_context(width, **options).new_page()

    return fresh


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", ["phone", "desk"])
def test_adding_one_and_signing_in_with_it_alone(
    open_page: Callable[..., Page], alice: User, acme: Any, width: str, scheme: str
) -> None:
    page = open_page(width, color_scheme=scheme, bypass_csp=True)
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        no_sideways(page)
        picture(page, f"passkeys-{name}-{width}-{scheme}")
        found[name] = violations(page)

    device(page)
    enter_password(page, alice)
    page.goto("/accounts/2fa/")
    look("overview-empty")
    page.goto("/accounts/2fa/webauthn/add/")
    look("add")
    add_passkey(page)
    keep_codes(page)
    look("codes")
    page.get_by_role("link", name="I saved them").click()
    expect(page.get_by_role("row").filter(has_text="Laptop")).to_contain_text("Sign-in without a password")
    look("overview")
    sign_out(page)

    waits_for_touch(page, touches=False)
    page.goto("/accounts/login/")
    look("sign-in")
    waits_for_touch(page, touches=True)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Sign in")
    page.goto("/accounts/2fa/")
    expect(page.get_by_role("row").filter(has_text="Laptop")).not_to_contain_text("Never")
    sign_out(page)

    waits_for_touch(page, touches=False)
    enter_password(page, alice)
    expect(page.get_by_role("heading", level=1)).to_have_text("Confirm it's you")
    look("second-step")
    waits_for_touch(page, touches=True)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Confirm it's you")
    assert not any(found.values()), found


def test_options_that_come_late_leave_the_sign_in_with_a_password(
    open_page: Callable[..., Page], alice: User, acme: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page asks for them as it opens, and they come with a visitor's session."""
    is_asked, is_signed_in, is_answered = threading.Event(), threading.Event(), threading.Event()

    def answer_late(*args: Any, **options: Any) -> Any:
        is_asked.set()
        assert is_signed_in.wait(10)
        response = answer(*args, **options)
        is_answered.set()
        return response

    def look_late(request: HttpRequest) -> Any:
        is_signed_in.set()
        assert is_answered.wait(10)
        time.sleep(0.5)  # the answer is on its way to the browser
        return organizations(request)

    answer, organizations = SignInWithPasskey.get, organizations_of
    monkeypatch.setattr(SignInWithPasskey, "get", answer_late)
    monkeypatch.setattr(overview_views, "organizations_of", look_late)
    page = open_page()
    device(page)
    page.goto("/accounts/login/")
    assert is_asked.wait(10)
    page.get_by_label("Email").fill(alice.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Acme")


def test_removing_it(open_page: Callable[..., Page], alice: User, acme: Any) -> None:
    page = open_page()
    device(page)
    enter_password(page, alice)
    add_passkey(page)
    keep_codes(page)
    page.goto("/accounts/2fa/")
    page.get_by_role("link", name="Remove the passkey Laptop").click()
    picture(page, "passkeys-remove")
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("was removed")).to_be_visible()
    assert not Authenticator.objects.exists()


def test_a_device_that_asks_for_nothing_is_refused_as_the_only_way(
    open_page: Callable[..., Page], alice: User, acme: Any
) -> None:
    page = open_page()
    device(page, hasUserVerification=False, isUserVerified=False, hasResidentKey=False, transport="usb")
    enter_password(page, alice)
    add_passkey(page, "Key", alone=False)
    keep_codes(page)
    assert Authenticator.objects.get(type="webauthn").data["passwordless"] is False


def test_a_new_operator_reaches_the_set_up_page_alone(open_page: Callable[..., Page], db: None) -> None:
    nils = User.objects.create_superuser("nils@drayage.example", PASSWORD)
    page = open_page()
    device(page)
    enter_password(page, nils)
    page.goto("/admin/")
    expect(page.get_by_text("Operators and support need a second factor.")).to_be_visible()
    picture(page, "passkeys-operator")
    add_passkey(page)
    keep_codes(page)
    page.goto("/admin/")
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Two-factor authentication")
    assert page.url.endswith("/admin/")


def test_at_another_address_the_page_says_where_passkeys_work(
    open_page: Callable[..., Page], live_server: Any, settings: Any
) -> None:
    """Whoever opens the portal of their own machine by its number."""
    settings.ALLOWED_HOSTS = ["*"]
    page = open_page()
    device(page)
    page.goto(live_server.url.replace("//localhost:", "//127.0.0.1:") + "/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert")).to_have_text(f"Passkeys work only at {live_server.url}. Open the portal there.")
    expect(page.get_by_role("alert").get_by_role("link")).to_have_attribute("href", live_server.url)
