"""The main pages of a sample organization: nothing sideways at any width, nothing that axe finds, in light and dark.

`make screenshots` runs this with `GALLERY` naming a folder and keeps pictures of some of them there; `BROWSER_SHOTS`
keeps all, in each look.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from groups.models import Image
from tests.browser.conftest import picture, violations
from tests.browser.pages import no_sideways, sign_in
from tests.browser.sample_organization import SampleOrganization, make_organization

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
GROUPS = "/o/acme/default/groups/"
KEPT = {
    "overview", "groups", "new-group", "pulling", "running", "failure", "receipt", "team", "activity", "webhook",
    "searching", "ledger", "registries",
}  # fmt: skip
WIDTHS = (360, 960, 961, 1100, 1440, 2560)


@pytest.fixture
def sample(acme: Any, alice: Any, bob: Any, carol: Any, work: Callable[[], None]) -> SampleOrganization:
    def join() -> None:
        end = time.monotonic() + 30
        while Image.objects.filter(status__in=("queued", "pulling")).exists() and time.monotonic() < end:
            time.sleep(0.02)

    return make_organization(acme, [alice, bob], work, join)


def pages(sample: SampleOrganization) -> dict[str, str]:
    failure = f"{GROUPS}whisper/failures/{sample.failure.pk}/"
    return {
        "overview": "/o/acme/",
        "groups": GROUPS,
        "new-group": f"{GROUPS}new/?image=ghcr.io/acme/render:2.4",
        "pulling": f"{GROUPS}upscale/",
        "running": f"{GROUPS}render/",
        "ledger": f"{GROUPS}render/ledger/",
        "failure": failure,
        "registries": "/o/acme/registries/",
        "receipt": f"/o/acme/registries/{sample.credential.pk}/",
        "team": "/o/acme/settings/members/",
        "activity": "/o/acme/settings/activity/",
        "notifications": "/o/acme/settings/notifications/",
        "webhook": f"/o/acme/settings/notifications/webhooks/{sample.webhook.pk}/",
        "support": "/o/acme/support/",
        "search": "/o/acme/search/?q=re",
        "guide": "/o/acme/registries/guides/ecr/",
    }


def keep(page: Page, name: str, look: str) -> None:
    picture(page, f"{name}-{look}")
    if (folder := os.environ.get("GALLERY")) and look == "light" and name in KEPT:
        page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_main_pages(
    open_context: Callable[..., BrowserContext], alice: Any, sample: SampleOrganization, scheme: str
) -> None:
    page = open_context("desk", color_scheme=scheme, bypass_csp=True).new_page()
    sign_in(page, alice)
    found: dict[str, list[str]] = {}
    for name, address in pages(sample).items():
        page.set_viewport_size({"width": 1280, "height": 900})
        answer = page.goto(address)
        assert answer is not None
        if name == "activity":
            page.locator(".log summary").first.click()
        assert answer.status == 200, name
        keep(page, name, scheme)
        found[name] = violations(page)
        page.set_viewport_size({"width": 390, "height": 844})
        keep(page, name, f"{scheme}-phone")
        found[f"{name} on a phone"] = violations(page)
        for width in WIDTHS if scheme == "light" else ():
            page.set_viewport_size({"width": width, "height": 900})
            no_sideways(page)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(GROUPS)
    page.get_by_role("searchbox", name="Search Acme").fill("ghcr")
    expect(page.locator("#found a").first).to_be_visible()
    keep(page, "searching", scheme)
    found["searching"] = violations(page)
    assert {name: problems for name, problems in found.items() if problems} == {}
