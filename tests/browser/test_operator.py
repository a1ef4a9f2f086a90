"""An operator's way from an alert to what ends it: destroying a credential, revoking a token, suspending."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from groups.models import NodeToken, SweepPass
from registries.models import Credential
from tests.browser.conftest import violations
from tests.browser.pages import no_sideways, sign_in
from tests.support.admin_rows import make_rows

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def choose(page: Page, action: str) -> None:
    """Have an action done to the first row of a list, up to the page that asks."""
    page.locator("input.action-select").first.check()
    page.get_by_label("Action:").select_option(label=action)
    page.get_by_role("button", name="Go").click()


def confirm(page: Page) -> None:
    page.get_by_role("button", name="Yes, do it").click()
    expect(page.locator(".messagelist .success")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", ["phone", "desk"])
def test_from_alerts_to_what_ends_them(
    open_context: Callable[..., BrowserContext], acme: Any, alice: Any, olga: Any, width: str, scheme: str
) -> None:
    rows = make_rows(acme, alice)
    Credential.objects.update(deadline=timezone.now() - timedelta(hours=1))
    SweepPass.objects.create(ended_at=timezone.now(), seconds=0.3, counts={"pulls_woken": 2})
    found: dict[str, list[str]] = {}
    page = open_context(width, color_scheme=scheme, bypass_csp=True).new_page()
    sign_in(page, olga)
    for name in ("", "health/", "storage/"):
        page.goto(f"/admin/operations/{name}")
        no_sideways(page)
        found[name or "start"] = violations(page)

    page.goto("/admin/operations/")
    page.get_by_role("link", name="Destroy them").click()
    choose(page, "Destroy now")
    expect(page.get_by_role("heading", level=1)).to_have_text("Destroy these credentials now?")
    found["asks"] = violations(page)
    confirm(page)
    assert Credential.objects.get(pk=rows[Credential].pk).destroyed_because == "operator"
    page.goto("/admin/operations/")
    expect(page.get_by_text("held for over a minute")).to_have_count(0)

    page.get_by_role("link", name="See who came with them").click()
    page.goto("/admin/groups/nodetoken/")
    choose(page, "Revoke")
    confirm(page)
    assert NodeToken.objects.get().ended_because == "revoked"

    page.goto("/admin/portal/organization/")
    choose(page, "Suspend")
    page.get_by_label("Why?").fill("Stolen tokens were presented.")
    found["why"] = violations(page)
    confirm(page)
    page.goto("/admin/operations/")
    expect(page.get_by_text("1 organization is suspended.")).to_be_visible()

    member = open_context(width, color_scheme=scheme, bypass_csp=True).new_page()
    sign_in(member, alice)
    member.goto("/o/acme/default/groups/")
    expect(member.get_by_text("Stolen tokens were presented.")).to_be_visible()
    no_sideways(member)
    found["suspended"] = violations(member)
    assert {name: problems for name, problems in found.items() if problems} == {}
