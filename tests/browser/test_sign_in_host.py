"""A registry that signs in at another host, as a member meets it: the question, one tick, the receipt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect

from groups import jobs
from groups.models import Image
from registries.models import Credential
from tests.browser.conftest import picture, violations
from tests.browser.pages import no_sideways, sign_in
from tests.support.fakes.sign_in_pair import running_pair
from tests.support.pulls import SECRET, USER

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NEW = "/o/acme/default/groups/new/"


def test_the_host_is_named_confirmed_and_shown(
    open_context: Callable[..., BrowserContext], alice: Any, acme: Any, settings: Any, work: Callable[[], None],
    tmp_path: Path, blobs: Any,
) -> None:  # fmt: skip
    """docker/sbx-releases#535: a password that was typed once, and a keyboard."""
    with running_pair(tmp_path, USER, SECRET) as pair:
        settings.PORTAL_REGISTRY_CA_FILE = pair.authority.ca_file
        page = open_context("phone", color_scheme="dark", bypass_csp=True).new_page()
        sign_in(page, alice)
        page.goto(NEW)
        page.get_by_label("Image", exact=True).fill(f"{pair.registry.host}/team/app:1.0")
        page.get_by_label("User name").fill(USER)
        page.get_by_label("Password or token", exact=True).fill(SECRET)
        page.get_by_role("button", name="Check", exact=True).click()
        check = page.locator("#check")
        expect(check).to_contain_text("Waiting for a worker")
        work()
        box = check.get_by_role("checkbox", name=f"Send the credential to {pair.sign_in_host} to sign in")
        expect(box).not_to_be_checked()
        no_sideways(page)
        picture(page, "sign-in-host-check-phone-dark")
        assert violations(page) == []
        assert pair.sign_in.seen == []

        box.focus()
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(check).to_contain_text("Waiting for a worker")
        work()
        expect(check).to_contain_text("This image can be pulled")
        credential = Credential.objects.get()
        page.goto(f"/o/acme/registries/{credential.pk}/")
        expect(page.get_by_text("Signs in at")).to_be_visible()
        picture(page, "sign-in-host-receipt-phone-dark")

        # A different host later, met by a pull.
        pair.registry.realm = f"https://127.0.0.2:{pair.sign_in.port}/token"
        desk = open_context("desk", bypass_csp=True).new_page()
        sign_in(desk, alice)
        desk.goto(f"{NEW}?image={pair.registry.host}/team/app:1.0&credential={credential.pk}")
        desk.get_by_label("Name", exact=True).fill("web")
        picture(desk, "sign-in-host-new-desk")
        desk.get_by_role("button", name="Create and pull").last.click()
        jobs.pull(str(Image.objects.get().pk))
        desk.goto("/o/acme/default/groups/web/")
        expect(desk.get_by_role("button", name="Confirm and try again")).to_be_visible()
        picture(desk, "sign-in-host-group-desk")
        desk.get_by_role("link", name="Try another way").or_(desk.locator(".row-flow a.btn")).first.click()
        picture(desk, "sign-in-host-failure-desk")
        assert violations(desk) == []
        expect(desk.locator("#id_sign_in_host_again")).not_to_be_checked()
        pair.name_realm("https://{host}/token")
        jobs_before = len(pair.sign_in.seen)
        desk.get_by_role("button", name="Confirm and try again").click()
        assert len(pair.sign_in.seen) == jobs_before  # the browser asks for the tick first
        expect(desk.locator("#id_sign_in_host_again:invalid")).to_have_count(1)
