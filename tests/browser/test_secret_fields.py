"""A token in the wrong field: offered to be swapped before anything is sent, in no address, and not rendered again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect

from registries.models import Credential
from tests.browser.conftest import picture, violations
from tests.browser.pages import no_sideways, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TOKEN = "ghp_" + "CANARY7f3aCANARY7f3a" + "CANARY7f3aCANARY"


@pytest.mark.parametrize("width", ["phone", "desk"])
def test_a_token_in_the_wrong_field(
    open_context: Callable[..., BrowserContext], alice: Any, acme: Any, width: str
) -> None:
    page = open_context(width, bypass_csp=True).new_page()
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    sign_in(page, alice)

    page.goto("/o/acme/registries/new/?kind=ghcr")
    user, token = page.get_by_label("GitHub user name"), page.get_by_label("Personal access token (classic)")
    swap = page.get_by_role("button", name="Swap the two fields")
    expect(swap).to_be_hidden()
    user.fill(TOKEN)
    token.fill("octocat")
    expect(swap).to_be_visible()
    no_sideways(page)
    picture(page, f"secret-swap-{width}")
    assert violations(page) == []

    page.get_by_role("button", name="Encrypt and save").click()
    expect(page.get_by_text("This looks like a GitHub token")).to_be_visible()
    expect(user).to_have_value("")
    assert TOKEN not in page.content()
    no_sideways(page)
    picture(page, f"secret-refused-{width}")
    assert violations(page) == []

    user.fill(TOKEN)
    token.fill("octocat")
    swap.click()
    expect(user).to_have_value("octocat")
    expect(token).to_have_value(TOKEN)
    page.get_by_role("button", name="Encrypt and save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("octocat at ghcr.io")
    assert Credential.objects.get().fields == {"username": "octocat"}

    page.get_by_role("button", name="Destroy the credential").click()
    page.get_by_role("link", name="Erase name and user name").click()
    no_sideways(page)
    picture(page, f"secret-erase-{width}")
    assert violations(page) == []
    page.get_by_role("button", name="Erase name and user name").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Name erased")
    picture(page, f"secret-erased-{width}")

    page.goto("/o/acme/default/groups/new/")
    page.get_by_label("Image", exact=True).fill(f"docker login ghcr.io -u octocat -p {TOKEN}")
    expect(page.locator("#reading")).to_contain_text("enter only the image")
    page.get_by_label("Image", exact=True).fill("ghcr.io/acme/app:1.0")
    expect(page.locator("#reading")).to_contain_text("acme/app")
    page.get_by_label("Command", exact=False).fill(f"python app.py --key {TOKEN}")
    page.get_by_label("GitHub user name").fill(TOKEN)
    page.get_by_role("button", name="Create and pull").last.click()
    expect(page.get_by_label("Command", exact=False)).to_have_value("python app.py --key [removed]")
    no_sideways(page)
    picture(page, f"secret-group-{width}")
    assert violations(page) == []

    search = page.get_by_role("searchbox").first
    if search.is_visible():
        search.fill(TOKEN)
        page.wait_for_timeout(400)
    assert [address for address in addresses if "CANARY" in address] == []
