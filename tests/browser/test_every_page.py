"""Every page that the URLconf knows can be read by everybody: nothing that axe finds on a phone and a desk, in light
and dark, nothing wider than the screen from 360 to 2,560 px. A page that nobody opens here fails the first test."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.urls import reverse
from playwright.sync_api import BrowserContext, Page

from tests.browser.conftest import CONTRAST, TAGS, violations
from tests.browser.every_page import LEADS_TO, NO_PAGE, SECTIONS, VISITS, matching, pages, visits
from tests.browser.pages import no_sideways
from tests.browser.refusals import REFUSALS
from tests.browser.sample_portal import SamplePortal, make_portal
from tests.support.addresses import addresses

pytestmark = pytest.mark.browser
# A scheme changes colours only.
LOOKS = (("light", 1280, TAGS), ("light", 390, TAGS), ("dark", 390, CONTRAST), ("dark", 1280, CONTRAST))
EXTREMES = (360, 2560)


def test_every_address_is_opened_or_has_a_reason_not_to_be() -> None:
    opened = {address.name for section in SECTIONS for address, _ in visits(section)}
    assert opened == set(pages())
    for table in (NO_PAGE, VISITS):
        used = {matching(name, table) for name in addresses()}
        assert set(table) <= used, "an entry that no address falls under"


@pytest.fixture
def sample(
    settings: Any,
    acme: Any,
    alice: Any,
    bob: Any,
    carol: Any,
    mallory: Any,
    sam: Any,
    olga: Any,
    work: Any,
    redis: Any,
) -> SamplePortal:
    settings.PORTAL_SENDS_MAIL = True
    cast = {"alice": alice, "bob": bob, "carol": carol, "mallory": mallory, "sam": sam, "olga": olga}
    return make_portal(acme, cast, work, redis)


def look(page: Page, name: str) -> list[str]:
    """What is wrong with the open page, in every size and color scheme."""
    found = []
    for scheme, width, rules in LOOKS:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 900})
        found += [f"{scheme} at {width}: {violation}" for violation in violations(page, rules)]
        if folder := os.environ.get("BROWSER_SHOTS"):
            page.screenshot(path=Path(folder) / f"{name}-{scheme}-{width}.png", full_page=True)
    for width in EXTREMES:
        page.set_viewport_size({"width": width, "height": 900})
        try:
            no_sideways(page)
        except AssertionError as wide:
            found.append(str(wide))
    return found


def _signed_in(context: BrowserContext, session: str | None) -> Page:
    page = context.new_page()
    if session:
        page.goto("/livez")
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": page.url}])
    return page


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("section", SECTIONS)
def test_every_page(open_context: Callable[..., BrowserContext], sample: SamplePortal, section: str) -> None:
    found: dict[str, list[str]] = {}
    opened: dict[str, Page] = {}
    for address, visit in visits(section):
        if visit.who not in opened:
            opened[visit.who] = _signed_in(open_context(bypass_csp=True), sample.sessions.get(visit.who))
        page, url = opened[visit.who], sample.url(address, visit)
        page.emulate_media(color_scheme="light")
        answer = page.goto(url)
        assert answer is not None
        path = answer.url.partition("?")[0].partition("//")[2].partition("/")[2]
        if (answer.status, f"/{path}") != (200, LEADS_TO.get(address.name, url.partition("?")[0])):
            found[url] = [f"{address.name} answers {answer.status} at /{path}"]
            continue
        found[url] = look(page, address.name.replace(":", "-"))
    assert {url: problems for url, problems in found.items() if problems} == {}


@pytest.mark.django_db(transaction=True)
def test_pages_that_say_no(open_context: Callable[..., BrowserContext], settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.browser.refusals"
    settings.PORTAL_SENDS_MAIL = False
    page = open_context(bypass_csp=True).new_page()
    found: dict[str, list[str]] = {}
    for why in REFUSALS:
        answer = page.goto(f"/refusals/{why}/")
        assert answer is not None
        assert answer.status == (200 if why == "reset" else int(why[:3]))
        found[why] = look(page, f"refusal-{why}")
    page.goto("/invitations/no-such-token/")
    found["invitation"] = look(page, "refusal-invitation")
    assert {name: problems for name, problems in found.items() if problems} == {}


@pytest.mark.django_db(transaction=True)
def test_pages_that_ask_before_an_operator_acts(
    open_context: Callable[..., BrowserContext], sample: SamplePortal
) -> None:
    """Every action of every list of records, to the page that it leads to."""
    page = _signed_in(open_context(bypass_csp=True), sample.sessions["olga"])
    found: dict[str, list[str]] = {}
    for model, records in admin.site._registry.items():
        for action in records.actions or ():
            page.goto(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"))
            page.locator("input.action-select").first.check()
            page.locator("select[name=action]").select_option(str(action))
            with page.expect_navigation():
                page.get_by_role("button", name="Go").click()
            found[f"{records}: {action}"] = look(page, f"ask-{action}")
    assert len(found) > 9
    assert {name: problems for name, problems in found.items() if problems} == {}


@pytest.mark.django_db(transaction=True)
def test_pages_that_show_something_once(
    open_context: Callable[..., BrowserContext], sample: SamplePortal, settings: Any
) -> None:
    """What answers a form: keys, secrets, links and codes."""
    settings.PORTAL_SENDS_MAIL = False
    found: dict[str, list[str]] = {}
    alice = _signed_in(open_context(bypass_csp=True), sample.sessions["alice"])
    alice.goto("/o/acme/settings/api-keys/")
    alice.get_by_label("Name").fill("nightly")
    alice.get_by_role("button", name="Create the key").click()
    found["key"] = look(alice, "once-key")
    alice.goto("/o/acme/settings/members/")
    alice.locator("input[name=email]").fill("olaf@acme.example")
    alice.get_by_role("button", name="Invite").click()
    found["invitation"] = look(alice, "once-invitation")
    olga = _signed_in(open_context(bypass_csp=True), sample.sessions["olga"])
    olga.goto("/admin/groups/enrolment/add/")
    olga.get_by_label("Node name").fill("bergen-1")
    olga.get_by_role("button", name="Save", exact=True).click()
    found["enrolment"] = look(olga, "once-enrolment")
    assert {name: problems for name, problems in found.items() if problems} == {}
