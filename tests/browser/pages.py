"""What every walk through the pages does and looks at."""

from __future__ import annotations

import re
from typing import Any

from django.core.cache import cache
from playwright.sync_api import Page, expect

from tests.conftest import PASSWORD
from tests.support.second_factors import code_now


def sign_in(page: Page, person: Any) -> None:
    """On the real page, as people do."""
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    if person.is_staff:
        cache.clear()
        page.get_by_label("Code").fill(code_now())
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page).not_to_have_url(re.compile("/accounts/"))
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Sign in")


def state(page: Page) -> Any:
    """The chip beside the group's name."""
    return page.locator(".hero .state").first


def no_sideways(page: Page) -> None:
    """Nothing is wider than the screen."""
    page.wait_for_load_state()  # a click returns as soon as the next document begins
    wide = page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0, f"{page.url} at {page.viewport_size} is {wide} px too wide"
