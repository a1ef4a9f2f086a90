"""The page of API keys and the one that lists all calls: a key is made, shown once and revoked; nothing sideways, and
nothing that axe finds, in light and dark, on a desk and a phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from portal.organizations.api_keys import create_key, find_live_key, revoke
from registries.foundation.actor import CONSOLE
from tests.browser.conftest import picture, violations
from tests.browser.pages import no_sideways, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
KEYS = "/o/acme/settings/api-keys/"


def findings_of(page: Page, name: str) -> list[str]:
    found = []
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        no_sideways(page)
        picture(page, f"{name}-{width}")
        found += [f"{name} at {width}: {violation}" for violation in violations(page)]
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_keys_and_calls(open_context: Callable[..., BrowserContext], acme: Any, alice: Any, scheme: str) -> None:
    row, _ = create_key(organization_id=acme.pk, name="an old one", scope="read", by=CONSOLE)
    revoke(row, by=CONSOLE)
    page = open_context("desk", color_scheme=scheme, bypass_csp=True).new_page()
    sign_in(page, alice)
    page.goto(KEYS)
    found = findings_of(page, f"keys-{scheme}")

    page.get_by_label("Name").fill("deploy pipeline")
    page.get_by_label("What it may do").select_option("write")
    page.get_by_role("button", name="Create the key").click()
    key = page.locator("#api-key").inner_text()
    assert find_live_key(key) is not None
    found += findings_of(page, f"key-made-{scheme}")
    page.goto(KEYS)
    expect(page.locator("#api-key")).to_have_count(0)
    page.get_by_role("button", name="Revoke deploy pipeline").click()
    expect(page.get_by_text("deploy pipeline has been revoked.")).to_be_visible()
    assert find_live_key(key) is None

    page.get_by_role("link", name="All calls").click()
    page.locator("#create_container_group > summary").click()
    expect(page.locator("#create_container_group")).to_contain_text("restart_policy")
    found += findings_of(page, f"docs-{scheme}")
    assert found == []
