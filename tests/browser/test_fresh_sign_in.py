"""A form that needs a fresh sign-in, in a browser: people confirm who they are, see what they send, and send it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as configured
from playwright.sync_api import BrowserContext, expect

from portal.accounts.fresh_sign_in import FRESH_SECONDS
from portal.models import Invitation
from tests.browser.conftest import picture, violations
from tests.browser.pages import no_sideways
from tests.conftest import PASSWORD
from tests.support.fresh_sign_ins import signed_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("width", ["phone", "desk"])
def test_an_invitation_is_sent_after_the_password(
    open_context: Callable[..., BrowserContext], live_server: Any, alice: Any, acme: Any, width: str
) -> None:
    context = open_context(width, bypass_csp=True)
    key = signed_in(alice, ago=FRESH_SECONDS + 1).cookies[configured.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": configured.SESSION_COOKIE_NAME, "value": key, "url": live_server.url}])
    page = context.new_page()
    page.goto("/o/acme/settings/members/")
    page.get_by_label("Email address").fill("friend@acme.example")
    page.get_by_role("button", name="Invite").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Confirm it's you")
    expect(page.get_by_text("so this is needed to invite somebody")).to_be_visible()
    picture(page, f"confirm-{width}")
    assert violations(page) == []
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Continue")
    expect(page.get_by_text("friend@acme.example")).to_be_visible()
    assert not Invitation.objects.exists()
    no_sideways(page)
    picture(page, f"continue-{width}")
    assert violations(page) == []
    page.get_by_role("button", name="Invite somebody").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Team")
    assert Invitation.objects.get().email == "friend@acme.example"
