"""Debian's chromium before a live server, and workers in threads: pages as people have them."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.support.fakes.registry import FakeRegistry
from tests.support.pulls import SECRET, USER

# Playwright's sync API runs a loop in this thread, which Django would take for an async view.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
QUIET = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
WIDTHS = {"phone": (390, 844), "desk": (1280, 900)}


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests."""
    path = shutil.which("chromium")
    assert path, "the browser tests need Debian's package chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def open_context(chromium: Browser, live_server: Any) -> Iterator[Callable[..., BrowserContext]]:
    """Return a way to fresh contexts at the live server. Errors of scripts and refusals of the content security
    policy fail the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def fresh(width: str = "desk", **options: Any) -> BrowserContext:
        across, down = WIDTHS[width]
        context = chromium.new_context(
            base_url=live_server.url,
            viewport={"width": across, "height": down},
            reduced_motion="reduce",
            **options,
        )
        context.set_default_timeout(15_000)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        context.on(
            "console",
            lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None,
        )
        contexts.append(context)
        return context

    yield fresh
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    """A private registry with an image of three layers."""
    with FakeRegistry(auth="basic", users={USER: SECRET}) as fake:
        fake.push_image("team/app", "1.0", [os.urandom(200_000), os.urandom(900_000), os.urandom(30_000)])
        yield fake


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch, blobs: Any) -> Iterator[Callable[[], None]]:
    """Return a way to have a worker do, in threads of its own, whatever pulls and checks it was woken for. There is no
    Redis here."""
    from groups import jobs

    woken: list[tuple[str, str]] = []
    threads: list[threading.Thread] = []
    monkeypatch.setattr(
        "groups.rules.wakeups.enqueue_job", lambda queue, function, row_id: woken.append((function, row_id))
    )
    todo = {"pull": jobs.pull, "check": jobs.check}

    def run() -> None:
        while woken:
            function, row_id = woken.pop()
            if function in todo:
                threads.append(threading.Thread(target=todo[function], args=(row_id,), name="worker"))
                threads[-1].start()

    yield run
    for thread in threads:
        thread.join()


def picture(page: Page, name: str) -> None:
    """Keep a picture of the page where `BROWSER_SHOTS` names a folder."""
    if folder := os.environ.get("BROWSER_SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
CONTRAST = {"type": "rule", "values": ["color-contrast"]}


def violations(page: Page, only: Any = TAGS) -> list[str]:
    """Run axe on the open page and return what it finds, in readable lines. The context must bypass the CSP."""
    page.wait_for_load_state()  # a click returns as soon as the next document begins
    if not page.evaluate("() => Boolean(window.axe)"):
        page.evaluate(AXE.read_text())
    found = page.evaluate("only => axe.run(document, {runOnly: only, resultTypes: ['violations']})", only)
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary'].splitlines()[-1].strip()}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
