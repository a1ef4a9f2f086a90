"""From an empty organization to a pulled image with nothing secret typed, as a member goes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from groups.models import ContainerGroup
from registries.models import Credential
from tests.browser.conftest import picture, violations
from tests.browser.pages import no_sideways, sign_in
from tests.support.fakes.clouds.server import Clouds
from tests.support.trusts import CASES, REPOSITORY

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ECR = CASES["ecr"]
IMAGE = f"{ECR.host}/{REPOSITORY}:1.0"


def seen(page: Page, name: str, look: str) -> None:
    """Look at the page as it is, and keep a picture."""
    no_sideways(page)
    picture(page, f"keyless-{name}-{look}")
    assert violations(page) == []


@pytest.mark.parametrize(("width", "scheme"), [("desk", "light"), ("phone", "dark")])
def test_the_whole_way(
    open_context: Callable[..., BrowserContext], reachable: Clouds, alice: Any, acme: Any, work: Callable[[], None],
    width: str, scheme: str,
) -> None:  # fmt: skip
    look = f"{width}-{scheme}"
    page = open_context(width, color_scheme=scheme, bypass_csp=True).new_page()
    sign_in(page, alice)

    page.goto("/o/acme/registries/")
    seen(page, "registries-empty", look)
    page.get_by_role("link", name="Add a trust").first.click()
    expect(page.get_by_role("heading", name="Add a trust")).to_be_visible()
    seen(page, "new", look)

    # What Acme's administrator of AWS pastes there.
    issuer, subject = (page.locator("dd.mono", has_text=text).first.inner_text() for text in ("https://", ":project:"))
    ECR.allow(reachable, issuer.strip(), subject.strip())
    page.get_by_label("Host").fill(ECR.host)
    page.get_by_label("Role ARN").fill("drayage-pull")
    page.get_by_role("button", name="Add the trust").click()
    expect(page.locator("form.panel")).to_contain_text("A role's ARN has the form")
    seen(page, "refused", look)
    page.get_by_label("Role ARN").fill(ECR.settings["role_arn"])
    page.get_by_role("button", name="Add the trust").click()
    expect(page.get_by_role("heading", name="Check it on an image")).to_be_visible()

    page.get_by_label(f"Image at {ECR.host}").fill(f"{REPOSITORY}:1.0")
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#check")).to_contain_text("Waiting for a worker")
    work()
    expect(page.locator("#check")).to_contain_text("This image can be pulled")
    seen(page, "checked", look)

    page.goto("/o/acme/default/groups/new/")
    page.get_by_label("Image", exact=True).fill(IMAGE)
    expect(page.get_by_label("Credential", exact=True)).to_have_value("trust")
    page.get_by_label("Name", exact=True).fill("web")
    seen(page, "group", look)
    page.get_by_role("button", name="Create").click()
    expect(page).to_have_url(re.compile("/groups/web/$"))
    work()
    expect(page.locator("body")).to_contain_text("No secret was ever here")
    seen(page, "receipt", look)

    assert ContainerGroup.objects.get().image.status == "ready"
    assert not Credential.objects.exists()
    page.goto("/o/acme/registries/")
    seen(page, "registries", look)
    page.get_by_role("link", name="AWS ECR").first.click()
    expect(page.get_by_text("Accepted").first).to_be_visible()
    seen(page, "trust", look)
    page.get_by_role("link", name="Remove").click()
    seen(page, "remove", look)
    page.get_by_role("button", name="Remove the trust").click()
    expect(page.locator("body")).to_contain_text("Nothing is signed for it any more")
