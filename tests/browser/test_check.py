"""Checking an image before it is used: on the form of a new group, and on a credential's receipt."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from groups.models import ImageCheck
from registries.models import Credential
from tests.browser.conftest import picture, violations
from tests.browser.pages import no_sideways, sign_in
from tests.support.fakes.registry import FakeRegistry
from tests.support.pulls import SECRET, USER, make_credential

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NEW = "/o/acme/default/groups/new/"


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    """A private registry with an image of three layers, two tags of it, and a public image."""
    with FakeRegistry(auth="bearer", users={USER: SECRET}, public=["public/app"]) as fake:
        history = [
            {"created_by": "ADD debian.tar.gz /"},
            {"created_by": "RUN pip install --no-cache-dir torch==2.9 transformers"},
            {"created_by": "COPY app /app"},
        ]
        layers = [os.urandom(200_000), os.urandom(900_000), os.urandom(30_000)]
        for tag in ("1.0", "1.1"):
            fake.push_image("team/app", tag, layers, config={"history": history})
        fake.push_image("public/app", "1.0")
        yield fake


def ask(page: Page, image: str) -> None:
    page.goto(NEW)
    page.get_by_label("Image", exact=True).fill(image)
    expect(page.locator("#reading")).to_contain_text(image.partition("/")[2].partition(":")[0])
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#check")).to_contain_text("Waiting for a worker")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", ["phone", "desk"])
def test_an_image_is_checked_from_the_form(
    open_context: Callable[..., BrowserContext], alice: Any, acme: Any, registry: FakeRegistry, settings: Any,
    work: Callable[[], None], width: str, scheme: str,
) -> None:  # fmt: skip
    make_credential(acme, registry.host)
    page = open_context(width, color_scheme=scheme, bypass_csp=True).new_page()
    look = f"{width}-{scheme}"
    sign_in(page, alice)

    ask(page, f"{registry.host}/team/app:1.0")
    picture(page, f"check-waiting-{look}")
    page.get_by_label("Name", exact=True).fill("web")
    work()
    check = page.locator("#check")
    expect(check).to_contain_text("This image can be pulled")
    expect(check).to_contain_text("RUN pip install")
    expect(page.get_by_label("Name", exact=True)).to_have_value("web")
    check.get_by_text("2 tags to pick from").click()
    check.get_by_text("What was checked").click()
    expect(check.locator(".step-ok")).to_have_count(7)
    no_sideways(page)
    picture(page, f"check-done-{look}")
    assert violations(page) == []

    check.get_by_role("link", name="1.1", exact=True).click()
    expect(page.get_by_label("Image", exact=True)).to_have_value(f"{registry.host}/team/app:1.1")
    expect(page).to_have_url(re.compile(f"{NEW}$"))

    settings.PORTAL_MAX_IMAGE_BYTES = 600_000
    page.get_by_role("button", name="Check").click()
    expect(check).to_contain_text("Waiting for a worker")
    work()
    expect(check).to_contain_text("The image is too large")
    expect(check).to_contain_text("Over the limit of 600 kB")
    no_sideways(page)
    picture(page, f"check-large-{look}")
    assert violations(page) == []
    assert Credential.objects.get().used_count == 2


def test_a_public_image_needs_no_credential(
    open_context: Callable[..., BrowserContext], alice: Any, acme: Any, registry: FakeRegistry,
    work: Callable[[], None],
) -> None:  # fmt: skip
    make_credential(acme, registry.host, password="canary-wrong")
    page = open_context().new_page()
    sign_in(page, alice)

    ask(page, f"{registry.host}/public/app:1.0")
    work()
    expect(page.locator("#check")).to_contain_text("did not accept the credentials")
    expect(page.locator("#check .step-failed")).to_contain_text("Sign in")
    picture(page, "check-public-desk-light")
    page.get_by_role("link", name="without credentials").click()
    expect(page.get_by_label("Credential", exact=True)).to_have_value("")
    assert "canary-wrong" not in page.content()

    page.get_by_role("button", name="Check").click()
    expect(page.locator("#check")).to_contain_text("Waiting for a worker")
    work()
    expect(page.locator("#check")).to_contain_text("This image can be pulled")
    assert ImageCheck.objects.filter(credential=None, status="done").count() == 1


@pytest.mark.parametrize("width", ["phone", "desk"])
def test_a_credential_is_tried_on_its_page(
    open_context: Callable[..., BrowserContext], alice: Any, acme: Any, registry: FakeRegistry,
    work: Callable[[], None], width: str,
) -> None:  # fmt: skip
    credential = make_credential(acme, registry.host)
    page = open_context(width, bypass_csp=True).new_page()
    sign_in(page, alice)
    page.goto(f"/o/acme/registries/{credential.pk}/")

    page.get_by_label(f"Image at {registry.host}").fill("team/app:9.9")
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#check")).to_contain_text("Waiting for a worker")
    work()
    expect(page.locator("#check")).to_contain_text("There is no such image")
    expect(page.locator("#receipt")).to_contain_text("Used once")
    no_sideways(page)
    picture(page, f"check-receipt-{width}-light")
    assert violations(page) == []

    page.locator("#check").get_by_role("link", name="1.1", exact=True).click()
    expect(page).to_have_url(re.compile(NEW))
    expect(page.get_by_label("Image", exact=True)).to_have_value(f"{registry.host}/team/app:1.1")
    expect(page.get_by_label("Credential", exact=True)).to_have_value(str(credential.pk))


def test_the_enter_key_creates_and_does_not_check(
    open_context: Callable[..., BrowserContext], alice: Any, acme: Any, registry: FakeRegistry,
    work: Callable[[], None],
) -> None:  # fmt: skip
    page = open_context().new_page()
    sign_in(page, alice)
    page.goto(NEW)
    page.get_by_label("Image", exact=True).fill(f"{registry.host}/team/app:1.0")
    page.get_by_label("Name", exact=True).fill("web")

    page.get_by_label("Name", exact=True).press("Enter")

    expect(page).to_have_url(re.compile("/groups/web/$"))
    assert not ImageCheck.objects.exists()


def test_a_credential_is_tested_as_it_is_added(
    open_context: Callable[..., BrowserContext],
    alice: Any,
    acme: Any,
    registry: FakeRegistry,
    work: Callable[[], None],
) -> None:
    page = open_context("desk").new_page()
    sign_in(page, alice)
    page.goto("/o/acme/registries/new/?kind=self_hosted")
    page.get_by_label("Host", exact=True).fill(registry.host)
    page.get_by_label("User name").fill(USER)
    page.get_by_label("Password or token").fill("a wrong one")
    page.get_by_label("Test it on an image").fill("team/app:1.0")
    page.get_by_role("button", name=re.compile("Encrypt")).click()
    expect(page.locator("#check .trail")).to_be_visible()
    work()
    expect(page.locator("#check")).to_contain_text("did not accept the credentials")

    # Once: opening the page again starts nothing.
    page.reload()
    expect(page.locator("#check")).to_be_empty()
    assert ImageCheck.objects.count() == 1
