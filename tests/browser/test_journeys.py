"""Whole ways of people, as they go them: from an invitation to a running group, and out of a failure."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from groups.models import ContainerGroup, Instance, Node
from groups.rules.states import move
from registries.models import Credential
from tests.browser.conftest import picture, violations
from tests.browser.pages import no_sideways, sign_in, state
from tests.support.fakes.registry import FakeRegistry
from tests.support.pulls import SECRET, USER

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
GROUPS = "/o/acme/default/groups/"
NINA = "nina@acme.example"


class Walker:
    """A browser that looks at each page it comes to: nothing sideways, nothing that axe finds."""

    def __init__(self, page: Page, look: str) -> None:
        self.page = page
        self._look = look

    def look(self, name: str) -> None:
        picture(self.page, f"journey-{name}-{self._look}")
        no_sideways(self.page)
        assert violations(self.page) == [], name


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", ["phone", "desk"])
def test_from_an_invitation_to_a_running_group(
    open_context: Callable[..., BrowserContext], alice: Any, acme: Any, registry: FakeRegistry,
    work: Callable[[], None], width: str, scheme: str,
) -> None:  # fmt: skip
    owner = open_context(width, color_scheme=scheme, bypass_csp=True).new_page()
    sign_in(owner, alice)
    owner.goto("/o/acme/settings/members/")
    owner.get_by_label("Email address").fill(NINA)
    owner.get_by_role("button", name="Invite").click()
    link = owner.locator("#invitation-link").inner_text()
    Walker(owner, f"{width}-{scheme}").look("link")

    page = open_context(width, color_scheme=scheme, bypass_csp=True).new_page()
    nina = Walker(page, f"{width}-{scheme}")
    page.goto(link[link.index("/invitations/") :])
    expect(page.get_by_role("heading", level=1)).to_have_text("Join Acme")
    nina.look("invitation")
    page.get_by_label("Password").fill("a long and good sentence")
    page.get_by_role("button", name="Join as member").click()

    expect(page.get_by_role("heading", name="Three steps")).to_be_visible()
    nina.look("empty")
    page.get_by_label("Paste your image").fill(f"{registry.host}/team/app:1.0")
    page.get_by_role("button", name="Go on").click()

    expect(page.locator("#reading")).to_contain_text("team/app")
    page.get_by_label("User name").fill(USER)
    page.get_by_label("Password or token").fill(SECRET)
    nina.look("new")
    # Another tag of the same registry: what was typed stays.
    page.get_by_label("Image", exact=True).fill(f"{registry.host}/team/app:1.0 ")
    page.get_by_label("Image", exact=True).fill(f"{registry.host}/team/app:1.0")
    expect(page.get_by_label("Password or token")).to_have_value(SECRET)
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#check")).to_contain_text("Waiting for a worker")
    work()
    expect(page.locator("#check")).to_contain_text("This image can be pulled")
    assert SECRET not in page.content()
    expect(page.get_by_label("Credential", exact=True)).to_have_value(str(Credential.objects.get().pk))
    nina.look("checked")
    page.get_by_label("Name", exact=True).fill("web")
    page.get_by_label("Start as soon as it is pulled").check()
    page.get_by_role("button", name="Create and pull").click()

    expect(state(page)).to_have_text("Pending")
    work()
    expect(state(page)).to_have_text("Deploying")
    node = Node.objects.create(name="oslo-3", public_key="-")
    Instance.objects.update(node=node, state=Instance.State.RUNNING, progress=100)
    move(ContainerGroup.objects.get(), to=ContainerGroup.Status.RUNNING)
    expect(state(page)).to_have_text("Running")
    expect(page.locator("body")).to_contain_text("oslo-3")
    nina.look("running")
    assert not Credential.objects.get().is_live

    page.goto("/o/acme/")
    expect(page.locator("#overview")).to_contain_text("created the group web")
    nina.look("overview")
    page.goto(f"{GROUPS}new/?from=web")
    expect(page.get_by_label("Name", exact=True)).to_have_value("web-2")
    owner.goto("/o/acme/settings/activity/")
    expect(owner.locator(".log")).to_contain_text(re.compile("nina@acme.example joined as"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", ["phone", "desk"])
def test_from_a_failure_to_the_way_out(
    open_context: Callable[..., BrowserContext], bob: Any, acme: Any, registry: FakeRegistry,
    work: Callable[[], None], width: str, scheme: str,
) -> None:  # fmt: skip
    page = open_context(width, color_scheme=scheme, bypass_csp=True).new_page()
    walker = Walker(page, f"{width}-{scheme}")
    sign_in(page, bob)
    page.goto(f"{GROUPS}new/?image={registry.host}/team/app:1.0")
    page.get_by_label("User name").fill(USER)
    page.get_by_label("Password or token").fill("canary-wrong")
    page.get_by_label("Name", exact=True).fill("web")
    page.get_by_role("button", name="Create and pull").click()
    work()
    expect(state(page)).to_have_text("Failed")

    page.goto("/o/acme/")
    page.get_by_role("link", name="Fix web").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("did not accept the credentials")
    expect(page.locator(".step-ok").first).to_be_visible()
    expect(page.locator(".step-failed")).to_contain_text("Sign in")
    walker.look("failure")
    assert "canary-wrong" not in page.content()
    expect(page.get_by_label("User name")).to_have_value(USER)
    page.get_by_label("Password or token").fill(SECRET)
    page.get_by_role("button", name="Pull again").click()

    expect(state(page)).to_have_text("Pending")
    work()
    expect(state(page)).to_have_text("Stopped")
    walker.look("stopped")
    page.reload()
    page.get_by_text(re.compile("Check 1.0 at")).click()
    page.get_by_label("User name").fill(USER)
    page.get_by_label("Password or token").fill(SECRET)
    page.get_by_role("button", name="Check now").click()
    expect(page.locator("#check")).to_contain_text("Waiting for a worker")
    work()
    expect(page.locator("#check")).to_contain_text("1.0 still means this image")
    walker.look("unmoved")

    registry.push_image("team/app", "1.0", [os.urandom(5_000)])
    page.get_by_role("button", name="Check now").click()
    expect(page.locator("#check")).to_contain_text("Waiting for a worker")
    work()
    expect(page.locator("#check")).to_contain_text("1.0 means another image now")
    page.get_by_role("link", name="create a group like it").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("web-2")
    expect(page.get_by_label("Credential", exact=True)).not_to_have_value("new")
