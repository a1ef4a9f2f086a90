"""Finding things from every page: with the keyboard, with a finger, and for everyone to read."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from groups.models import Image
from tests.browser.conftest import violations
from tests.browser.pages import no_sideways, sign_in
from tests.support.pulls import make_credential, make_group

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FIELD = re.compile("Search Acme")


@pytest.fixture(autouse=True)
def _things(acme: Any, project: Any, work: Callable[[], None]) -> None:
    for name in ("render", "render-night", "frontend"):
        group = make_group(project, f"registry.example.com/vision/{name}:2.4", name=name)
        Image.objects.filter(pk=group.image_id).update(digest="sha256:" + "4e1f9c0b7d21a85c" * 4)
    make_credential(acme, "registry.example.com")


def found(page: Page) -> Any:
    return page.locator("#found a")


def test_by_keyboard(open_context: Callable[..., BrowserContext], alice: Any) -> None:
    page = open_context().new_page()
    sign_in(page, alice)
    page.goto("/o/acme/registries/")
    field = page.get_by_role("searchbox", name=FIELD)
    expect(found(page)).to_have_count(0)

    page.keyboard.press("k")
    expect(field).not_to_be_focused()
    page.keyboard.press("Control+k")
    expect(field).to_be_focused()
    page.keyboard.type("render")
    expect(found(page).first).to_contain_text("render")
    expect(page.locator("#found-said")).to_contain_text("2 found")
    page.keyboard.press("ArrowDown")
    expect(found(page).nth(0)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(found(page).nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(field).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/groups/render/$"))

    page.keyboard.press("Control+k")
    expect(field).to_be_focused()
    page.keyboard.type("4e1f9c")
    expect(found(page)).to_have_count(4)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    expect(field).to_have_value("")
    expect(page.locator("#found")).to_be_hidden()
    page.keyboard.type("front")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/search/\?q=front$"))
    expect(page.locator("#results a")).to_have_count(1)


def test_a_slash_that_is_typed_stays_one(open_context: Callable[..., BrowserContext], alice: Any) -> None:
    page = open_context().new_page()
    sign_in(page, alice)
    page.goto("/o/acme/default/groups/new/")
    image = page.get_by_label("Image", exact=True)
    image.press_sequentially("ghcr.io/acme")
    expect(image).to_have_value("ghcr.io/acme")


def test_what_is_found_can_be_clicked_and_goes_when_left(
    open_context: Callable[..., BrowserContext], alice: Any
) -> None:
    page = open_context().new_page()
    sign_in(page, alice)
    field = page.get_by_role("searchbox", name=FIELD)
    field.fill("team")
    expect(found(page)).to_have_count(2)
    page.get_by_role("heading", level=1).click()
    expect(page.locator("#found")).to_be_hidden()
    field.focus()
    found(page).first.click()
    expect(page).to_have_url(re.compile(r"/settings/members/$"))


def test_what_is_typed_before_the_scripts_are_there_is_found(
    open_context: Callable[..., BrowserContext], alice: Any
) -> None:
    page = open_context().new_page()
    sign_in(page, alice)
    held: list[Route] = []
    page.route(re.compile(r"/htmx[^/]*\.js"), lambda route: held.append(route))
    page.goto("/o/acme/registries/", wait_until="commit")
    page.get_by_role("searchbox", name=FIELD).fill("team")
    assert held, "htmx is asked for"
    for route in held:
        route.continue_()
    expect(found(page)).to_have_count(2)


def test_on_a_phone(open_context: Callable[..., BrowserContext], alice: Any) -> None:
    page = open_context("phone").new_page()
    sign_in(page, alice)
    page.get_by_role("link", name="Search").click()
    field = page.get_by_role("searchbox", name=FIELD)
    expect(field).to_be_focused()
    field.press_sequentially("render")
    expect(page.locator("#results a")).to_have_count(2)
    expect(page).to_have_url(re.compile(r"\?q=render$"))
    no_sideways(page)
    page.reload()
    expect(page.locator("#results a")).to_have_count(2)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_by_everyone(
    open_context: Callable[..., BrowserContext], alice: Any, bob: Any, scheme: str
) -> None:
    page = open_context("desk", color_scheme=scheme, bypass_csp=True).new_page()
    sign_in(page, alice)
    page.get_by_role("searchbox", name=FIELD).fill("re")
    expect(found(page).first).to_be_visible()
    seen = {"open": violations(page)}
    page.get_by_role("searchbox", name=FIELD).fill("xyzzy")
    expect(page.locator("#found")).to_contain_text("Nothing fits")
    seen["nothing"] = violations(page)
    for text in ("e", "xyzzy", ""):
        for size in ({"width": 1280, "height": 900}, {"width": 390, "height": 844}):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            page.goto(f"/o/acme/search/?q={text}")
            seen[f"page {text} {size['width']}"] = violations(page)
            no_sideways(page)
    assert {name: problems for name, problems in seen.items() if problems} == {}
