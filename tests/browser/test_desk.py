"""Support's way from a failure to an answer that the member reads."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from playwright.sync_api import BrowserContext, Page, expect

from groups.models import FailedAttempt, Failure
from portal.models import SupportRequest
from tests.browser.conftest import violations
from tests.browser.test_walk import no_sideways, sign_in
from tests.portal.desk.conftest import HOST, fail

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
DESK = "/admin/desk/"


def read(page: Page, address: str, found: dict[str, list[str]], name: str) -> None:
    """Open a page and look whether everybody can read it."""
    answer = page.goto(address)
    assert answer is not None
    assert answer.status == 200, name
    no_sideways(page)
    found[name] = violations(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", ["phone", "desk"])
def test_from_a_failure_to_an_answer(
    open_context: Callable[..., BrowserContext],
    settings: Any,
    acme: Any,
    project: Any,
    bob: Any,
    sam: Any,
    width: str,
    scheme: str,
) -> None:
    settings.PORTAL_SENDS_MAIL = True
    failure = fail(project, "shop")
    fail(project, "silent")
    for number in range(14):
        FailedAttempt.objects.create(
            organization=acme, kind="quay" if number < 9 else "ghcr", code="rate_limited", step="manifest", final=False
        )
    found: dict[str, list[str]] = {}

    member = open_context(width, color_scheme=scheme, bypass_csp=True).new_page()
    sign_in(member, bob)
    member.goto(f"/o/acme/default/groups/shop/failures/{failure.pk}/")
    member.get_by_role("link", name="Ask support").click()
    found["ask"] = violations(member)
    member.get_by_label("Message").fill("It worked yesterday.")
    member.get_by_role("button", name="Send to support").click()
    expect(member.locator(".field-error")).to_contain_text("Choose what support may see")
    member.get_by_label(re.compile("All of it")).check()
    member.get_by_role("button", name="Send to support").click()
    expect(member.get_by_text("Support has your message")).to_be_visible()

    desk = open_context(width, color_scheme=scheme, bypass_csp=True).new_page()
    sign_in(desk, sam)
    read(desk, DESK, found, "queue")
    expect(desk.get_by_text("9 failures in the last 10 minutes, usually none")).to_be_visible()
    expect(desk.locator("body")).not_to_contain_text("silent")
    read(desk, f"{DESK}failure/{Failure.objects.get(group_name='silent').pk}/", found, "not shared")
    expect(desk.locator("body")).not_to_contain_text(HOST)
    desk.goto(DESK)
    desk.get_by_role("row").filter(has_text="It worked yesterday.").get_by_role("link").click()
    expect(desk.get_by_role("heading", level=1)).to_have_text("The registry did not accept the credentials")
    expect(desk.locator("body")).to_contain_text(HOST)
    no_sideways(desk)
    found["case"] = violations(desk)
    desk.get_by_label("Your answer").fill("The token has expired: make another one.")
    desk.get_by_role("button", name="Send the answer").click()
    expect(desk.get_by_text("mailed to bob@acme.example")).to_be_visible()
    assert SupportRequest.objects.get().state == "solved"
    assert "make another one" in mail.outbox[0].body

    member.goto(f"/o/acme/default/groups/shop/failures/{failure.pk}/")
    expect(member.locator("#ask").locator("xpath=../..")).to_contain_text("make another one")
    expect(member.locator(".looked")).to_contain_text("sam@drayage.example")
    no_sideways(member)
    found["answered"] = violations(member)
    member.get_by_role("button", name="Stop sharing").click()
    expect(member.get_by_text("Support sees no more of this failure")).to_be_visible()
    assert {name: each for name, each in found.items() if each} == {}
