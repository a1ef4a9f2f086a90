"""A conversation between a member and support, from a failure to the end of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from groups.models import FailedAttempt, Failure
from portal.models import SupportRequest
from tests.browser.conftest import picture, violations
from tests.browser.pages import no_sideways, sign_in
from tests.portal.support.desk.conftest import HOST, fail
from tests.support.outages import make_outage

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
def test_a_conversation(
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
    look = f"{width}-{scheme}"
    failure = fail(project, "shop")
    fail(project, "silent")
    for number in range(14):
        FailedAttempt.objects.create(
            organization=acme, kind="quay" if number < 9 else "ghcr", code="rate_limited", step="manifest", final=False
        )
    now = timezone.now()
    make_outage("quay.io", began_at=now, last_failed_at=now)
    found: dict[str, list[str]] = {}

    def inspect(page: Page, name: str) -> None:
        no_sideways(page)
        found[name] = violations(page)
        picture(page, f"{name}-{look}")

    member = open_context(width, color_scheme=scheme, bypass_csp=True).new_page()
    sign_in(member, bob)
    member.goto(f"/o/acme/default/groups/shop/failures/{failure.pk}/")
    member.get_by_role("link", name="Ask support").click()
    inspect(member, "ask")
    member.get_by_label("Message").fill("It worked yesterday.")
    member.get_by_role("button", name="Send to support").click()
    expect(member.locator(".field-error")).to_contain_text("Choose what support may see")
    expect(member.get_by_label("Message")).to_have_value("It worked yesterday.")
    member.get_by_label(re.compile("All of it")).check()
    member.get_by_role("button", name="Send to support").click()
    expect(member.get_by_text("Support has your message")).to_be_visible()
    inspect(member, "asked")
    talk = member.url

    desk = open_context(width, color_scheme=scheme, bypass_csp=True).new_page()
    sign_in(desk, sam)
    read(desk, DESK, found, "queue")
    expect(desk.get_by_text("Up to 14 failed attempts in ten minutes, usually none")).to_be_visible()
    expect(desk.locator("body")).not_to_contain_text("silent")
    read(desk, f"{DESK}failure/{Failure.objects.get(group_name='silent').pk}/", found, "not shared")
    expect(desk.locator("body")).not_to_contain_text(HOST)
    desk.goto(DESK)
    desk.get_by_role("row").filter(has_text="It worked yesterday.").get_by_role("link").click()
    expect(desk.get_by_role("heading", level=1)).to_have_text("The registry did not accept the credentials")
    expect(desk.locator("body")).to_contain_text(HOST)
    inspect(desk, "case")
    desk.get_by_label("Your answer").fill("The token has expired: make another one.\n\nWhich scopes has the old one?")
    desk.get_by_label("Waiting for the member").check()
    desk.get_by_role("button", name="Send the answer").click()
    expect(desk.get_by_text("mailed to bob@acme.example")).to_be_visible()
    assert SupportRequest.objects.get().state == "waiting"
    assert "make another one" in mail.outbox[-1].body

    member.goto("/o/acme/")
    expect(member.get_by_text("Support asks back")).to_be_visible()
    inspect(member, "overview told")
    member.goto("/o/acme/support/")
    expect(member.get_by_text("Answer from support")).to_be_visible()
    inspect(member, "list unread")
    member.goto(f"/o/acme/default/groups/shop/failures/{failure.pk}/")
    expect(member.locator(".talk")).to_contain_text("make another one")
    expect(member.locator(".looked")).to_contain_text("sam@drayage.example")
    inspect(member, "failure answered")
    member.get_by_label("Your reply").fill("It has read:packages, and I made a new one. The same failure.")
    member.get_by_role("button", name="Send", exact=True).click()
    expect(member).to_have_url(talk)
    expect(member.get_by_text("Sent. Support will answer here")).to_be_visible()
    expect(member.locator(".page .state")).to_have_text("Sent to support")
    inspect(member, "replied")

    for number in range(3):
        fail(project, f"later-{number}")
    read(desk, DESK, found, "queue with a reply")
    first = desk.locator(".desk-table tbody tr").first
    expect(first).to_contain_text("Wrote again")
    expect(first).to_contain_text("The same failure.")
    picture(desk, f"queue-{look}")
    first.get_by_role("link").click()
    desk.get_by_label("Your answer").fill("The account was closed. See https://docs.example.com/accounts for another.")
    desk.get_by_role("button", name="Send the answer").click()
    expect(desk.get_by_text("mailed to bob@acme.example")).to_be_visible()
    assert SupportRequest.objects.get().state == "solved"
    inspect(desk, "case solved")

    member.goto("/o/acme/")
    expect(member.get_by_text("Answer from support")).to_be_visible()
    member.goto(talk)
    expect(member.locator(".page .state")).to_have_text("Solved")
    inspect(member, "solved")
    member.get_by_label("Your reply").fill("One more thing.")
    member.get_by_role("button", name="Send and reopen").click()
    member.get_by_role("button", name="Mark as solved").click()
    expect(member.get_by_text("bob@acme.example marked this as solved")).to_be_visible()
    member.get_by_role("button", name="Stop sharing").click()
    expect(member.get_by_text("Support sees no more of this failure")).to_be_visible()
    inspect(member, "solved by the member")
    assert {name: problems for name, problems in found.items() if problems} == {}
