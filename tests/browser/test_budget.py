"""What a page costs to load, from a portal as it is deployed: hashed and compressed files, a real web process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from portal.config.env import CHECKOUT
from tests.conftest import PASSWORD
from tests.support.processes import bare_environment, free_port, until_answers

pytestmark = pytest.mark.browser
FIRST_VIEW = 150_000
LATER = 50_000
OWNER = "alice@acme.example"


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[str]:
    """The address of a web process with one organization."""
    port = free_port()
    environment = bare_environment() | {"PORTAL_DATA_DIR": str(tmp_path), "PORT": str(port)}

    def manage(*arguments: str) -> None:
        subprocess.run([sys.executable, "manage.py", *arguments], cwd=CHECKOUT, env=environment, check=True)

    manage("prepare")
    manage("create_organization", "acme", "--owner", OWNER, "--password", PASSWORD)
    command = [sys.executable, "manage.py", "serve", "web", "--port", str(port)]
    with (tmp_path / "web.log").open("wb") as log:
        web = subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=log, stderr=log)
    try:
        until_answers(f"http://127.0.0.1:{port}/livez", web, tmp_path / "web.log")
        yield f"http://localhost:{port}"
    finally:
        web.terminate()
        web.wait(timeout=20)


class Meter:
    """Bytes that came over the wire, with their heads."""

    def __init__(self, page: Page) -> None:
        self._page, self._count = page, 0
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        network.on("Network.loadingFinished", self._add)

    def _add(self, event: dict[str, float]) -> None:
        self._count += int(event["encodedDataLength"])

    def load(self, address: str) -> int:
        self._count = 0
        self._page.goto(address, wait_until="networkidle")
        return self._count


def test_first_and_later_views_stay_small(portal: str, chromium: Browser) -> None:
    context = chromium.new_context(base_url=portal)
    page = context.new_page()
    meter = Meter(page)
    sign_in = meter.load("/accounts/login/")
    assert 20_000 < sign_in < FIRST_VIEW, "with stylesheet and font, and nothing else"
    page.get_by_label("Email").fill(OWNER)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/o/acme/")
    signed_in = context.storage_state()
    context.close()

    fresh = chromium.new_context(base_url=portal, storage_state=signed_in)
    meter = Meter(fresh.new_page())
    first = meter.load("/o/acme/")
    later = {
        place: meter.load(f"/o/acme/{place}")
        for place in ("default/groups/", "default/groups/new/", "registries/", "settings/members/", "support/")
    }
    fresh.close()

    assert 50_000 < first < FIRST_VIEW
    assert max(later.values()) < LATER, later
    print({"sign_in": sign_in, "first": first, "later": later})
