"""A member's way through the forms, from signing in to a group that is deleted, and back from a wrong password."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from groups.models import ContainerGroup, Failure, Instance
from registries.models import Credential
from tests.browser.conftest import violations
from tests.browser.pages import no_sideways, sign_in, state
from tests.support.fakes.registry import FakeRegistry
from tests.support.pulls import SECRET, USER, make_credential, make_group

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
GROUPS = "/o/acme/default/groups/"


def add_credential(page: Page, host: str, password: str) -> None:
    page.goto("/o/acme/registries/new/?kind=self_hosted")
    page.get_by_label("Host", exact=True).fill(host)
    page.get_by_label("User name").fill(USER)
    page.get_by_label("Password or token").fill(password)
    page.get_by_role("button", name=re.compile("Encrypt")).click()
    expect(page).to_have_url(re.compile(r"/registries/[0-9a-f-]{36}/$"))


def create_group(page: Page, image: str, name: str) -> None:
    page.goto(f"{GROUPS}new/")
    page.get_by_label("Image", exact=True).fill(image)
    # The reference is read back, and the credential that fits is chosen.
    expect(page.locator("#reading")).to_contain_text("team/app")
    expect(page.get_by_label("Credential", exact=True)).not_to_have_value("")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Command").fill("serve --port 80")
    page.get_by_label("Environment").fill("LOG_LEVEL=canary-value")
    page.get_by_role("button", name="Create and pull").click()
    expect(page).to_have_url(re.compile(f"{GROUPS}{name}/$"))


@pytest.mark.parametrize("width", ["phone", "desk"])
def test_from_signing_in_to_a_group_that_ran(
    open_context: Callable[..., BrowserContext],
    alice: Any,
    acme: Any,
    registry: FakeRegistry,
    work: Callable[[], None],
    width: str,
) -> None:
    page = open_context(width).new_page()
    sign_in(page, alice)
    page.goto(GROUPS)
    expect(page.locator(".empty")).to_be_visible()

    add_credential(page, registry.host, SECRET)
    create_group(page, f"{registry.host}/team/app:1.0", "web")
    expect(state(page)).to_have_text("Pending")
    expect(page.locator("body")).not_to_contain_text("canary-value")
    no_sideways(page)
    page.evaluate("() => { window.sameDocument = true; }")

    work()
    expect(state(page)).to_have_text("Stopped")
    assert page.evaluate("() => window.sameDocument"), "it came without a reload"
    assert Credential.objects.get().destroyed_because == "settled"

    page.get_by_role("button", name="Start").click()
    expect(state(page)).to_have_text("Deploying")
    assert Instance.objects.get().state == "allocating"
    page.get_by_role("button", name="Stop").click()
    expect(state(page)).to_have_text("Stopped")
    no_sideways(page)

    for fold in page.locator("details.fold:not([open]) > summary").all():
        fold.click()
    typed = page.get_by_label(re.compile("name to confirm"))
    typed.fill("web")
    page.get_by_role("button", name=re.compile("Delete")).click()
    expect(page).to_have_url(re.compile(f"{GROUPS}$"))
    assert not ContainerGroup.objects.exists()


def test_back_from_a_wrong_password(
    open_context: Callable[..., BrowserContext],
    alice: Any,
    acme: Any,
    registry: FakeRegistry,
    work: Callable[[], None],
) -> None:
    page = open_context().new_page()
    sign_in(page, alice)
    add_credential(page, registry.host, "canary-wrong")
    create_group(page, f"{registry.host}/team/app:1.0", "web")
    work()
    expect(state(page)).to_have_text("Failed")

    page.goto(f"{GROUPS}web/failures/{Failure.objects.get().pk}/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("did not accept the credentials")
    expect(page.locator(".step-failed")).to_contain_text("Sign in")
    expect(page.get_by_label("User name")).to_have_value(USER)
    expect(page.get_by_label("Password or token")).to_have_value("")
    page.get_by_label("Password or token").fill(SECRET)
    page.get_by_role("button", name=re.compile("Try again|Pull again")).click()

    expect(state(page)).to_have_text("Pending")
    work()
    expect(state(page)).to_have_text("Stopped")
    assert Credential.objects.filter(destroyed_at__isnull=True).count() == 0


def test_what_is_typed_and_focused_outlives_a_refresh(
    open_context: Callable[..., BrowserContext], alice: Any, acme: Any, project: Any, registry: FakeRegistry,
    work: Callable[[], None],
) -> None:  # fmt: skip
    make_group(project, f"{registry.host}/team/app:1.0", credential=make_credential(acme, registry.host), name="web")
    page = open_context().new_page()
    sign_in(page, alice)
    page.goto(f"{GROUPS}web/")
    for fold in page.locator("details.fold:not([open]) > summary").all():
        fold.click()
    typed = page.get_by_label(re.compile("name to confirm"))
    typed.fill("we")

    work()
    expect(state(page)).to_have_text("Stopped")
    expect(typed).to_have_value("we")
    expect(typed).to_be_focused()


def test_a_list_that_is_watched_changes_by_itself(
    open_context: Callable[..., BrowserContext], alice: Any, acme: Any, project: Any, registry: FakeRegistry,
    work: Callable[[], None],
) -> None:  # fmt: skip
    make_group(project, f"{registry.host}/team/app:1.0", credential=make_credential(acme, registry.host), name="web")
    page = open_context().new_page()
    sign_in(page, alice)
    page.goto(GROUPS)
    expect(page.locator("table .state")).to_have_text("Pending")

    work()
    expect(page.locator("table .state")).to_have_text("Stopped")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", ["phone", "desk"])
def test_pages_can_be_read_by_everyone(
    open_context: Callable[..., BrowserContext], alice: Any, acme: Any, project: Any, registry: FakeRegistry,
    work: Callable[[], None], scheme: str, width: str,
) -> None:  # fmt: skip
    image = f"{registry.host}/team/app:1.0"
    make_group(project, image, credential=make_credential(acme, registry.host), name="pulled", environment={"A": "b"})
    work()
    make_group(project, image, credential=make_credential(acme, registry.host, password="wrong"), name="failed")
    work()
    kept = make_credential(acme, registry.host, hold="hour")
    page = open_context(width, color_scheme=scheme, bypass_csp=True).new_page()
    page.goto("/accounts/login/")
    found = {"sign in": violations(page)}
    sign_in(page, alice)
    page.goto(f"{GROUPS}failed/")
    expect(state(page)).to_have_text("Failed")
    make_group(project, image, credential=kept, name="waits")

    pages = {
        "list": GROUPS,
        "new": f"{GROUPS}new/",
        "pulled": f"{GROUPS}pulled/",
        "failed": f"{GROUPS}failed/",
        "pending": f"{GROUPS}waits/",
        "failure": f"{GROUPS}failed/failures/{Failure.objects.get().pk}/",
        "registries": "/o/acme/registries/",
        "add credential": "/o/acme/registries/new/?kind=self_hosted",
        "credential": f"/o/acme/registries/{kept.pk}/",
        "guide": "/o/acme/registries/guides/self_hosted/",
        "support": "/o/acme/support/",
    }
    for name, address in pages.items():
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200, name
        no_sideways(page)
        found[name] = violations(page)
    page.goto(f"{GROUPS}new/")
    page.get_by_role("button", name="Create and pull").click()
    expect(page.locator(".field-error").first).to_be_visible()
    found["new with errors"] = violations(page)

    assert {name: problems for name, problems in found.items() if problems} == {}
