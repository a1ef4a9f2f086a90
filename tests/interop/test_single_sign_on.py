"""Signing in with a provider while everything is a process of its own: the portal, a worker, Valkey with the rights of
each zone, and oidc-provider-mock."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import requests

from portal.config.env import CHECKOUT
from tests.interop.launching import begin_migrated, fresh_environment
from tests.support.identity_providers import know, real_provider
from tests.support.processes import until, until_answers
from tests.support.valkey_users import valkey_with_users

pytestmark = pytest.mark.interop
SECRET = "a secret that workers alone have"
QUEUES = ("sign_ins", "checks", "nodes", "notices", "pulls")


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[str]:
    """A provider that knows dora."""
    with real_provider(tmp_path) as issuer:
        know(issuer, "dora", email="dora@acme.example", email_verified=True)
        yield issuer


@contextmanager
def process(arguments: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a `manage.py` command while the context lasts."""
    with log.open("ab") as file:
        command = [sys.executable, "manage.py", *arguments]
        running = subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=file, stderr=file)
    try:
        yield running
    finally:
        running.terminate()
        running.wait(30)


@pytest.fixture
def portal(tmp_path: Path, issuer: str) -> Iterator[str]:
    """The address of a portal with this provider, and a worker for its sign-ins."""
    (tmp_path / "valkey").mkdir()
    environment = fresh_environment(tmp_path / "var")
    url = f"http://localhost:{environment['PORT']}"
    environment |= {
        "PORTAL_PUBLIC_URL": url,
        "PORTAL_SSO_ISSUER": issuer,
        "PORTAL_SSO_CLIENT_ID": "drayage",
        "PORTAL_SSO_NAME": "Acme ID",
        "PORTAL_SSO_DOMAINS": "acme.example",
        "PORTAL_SSO_ALLOW_NETWORKS": "127.0.0.0/8,::1/128",
    }
    with ExitStack() as stack:
        valkey = stack.enter_context(valkey_with_users(tmp_path / "valkey"))
        web = environment | {"PORTAL_ZONE": "web", "REDIS_URL": valkey.url("web")}
        worker = environment | {"PORTAL_ZONE": "worker", "REDIS_URL": valkey.url("worker")}
        worker["PORTAL_SSO_CLIENT_SECRET"] = SECRET
        begin_migrated(Path(environment["PORTAL_DATA_DIR"]))
        subprocess.run([sys.executable, "manage.py", "prepare"], cwd=CHECKOUT, env=environment, check=True)
        log = tmp_path / "web.log"
        serving = process(["serve", "web", "--port", environment["PORT"]], web, log)
        until_answers(f"{url}/livez", stack.enter_context(serving), log)
        stack.enter_context(process(["rqworker", *QUEUES, "--skip-checks"], worker, tmp_path / "worker.log"))
        yield url


class Browser:
    """Follows links, redirects, forms and the `Refresh` header, with cookies of its own."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False

    def get(self, address: str) -> requests.Response:
        return self._session.get(address, timeout=30)

    def submit(self, page: requests.Response, action: str, **fields: str) -> requests.Response:
        """Post the form of a page, with the fields that it hides."""
        form = next(form for form in re.findall(r"<form.*?</form>", page.text, re.DOTALL) if f'"{action}"' in form)
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
        address = urljoin(page.url, action)
        return self._session.post(address, hidden | fields, headers={"Referer": page.url}, timeout=30)

    def follow_refresh(self, page: requests.Response) -> requests.Response:
        """Do what the `Refresh` header says, without its pause, as long as there is one."""
        _, _, address = page.headers["Refresh"].partition("; url=")
        return self.get(unescape(address) or page.url)


def sign_in(browser: Browser, portal: str, issuer: str, subject: str) -> requests.Response:
    """Go the whole way from the button on the sign-in page; return the last page."""
    page = browser.get(f"{portal}/accounts/login/")
    assert "Sign in with Acme ID" in page.text

    def waited(page: requests.Response, away_from: str) -> requests.Response:
        last = [page]

        def has_moved() -> bool:
            if last[0].url.startswith(away_from) and "Refresh" in last[0].headers:
                last[0] = browser.follow_refresh(last[0])
            return "Refresh" not in last[0].headers

        until(has_moved, 60, lambda: last[0].text)
        return last[0]

    page = waited(browser.submit(page, "/accounts/sso/start/"), f"{portal}/accounts/sso/")
    assert page.url.startswith(issuer), page.text
    answer = browser._session.post(page.url, data={"sub": subject}, timeout=30)
    return waited(answer, f"{portal}/accounts/sso/")


def test_the_whole_way(portal: str, issuer: str, tmp_path: Path) -> None:
    browser = Browser()
    page = sign_in(browser, portal, issuer, "dora")
    assert page.status_code == 200
    assert "/accounts/sso/" not in page.url
    assert "dora@acme.example" in browser.get(f"{portal}/accounts/sso/connected/").text

    again = Browser()
    assert "/accounts/sso/" not in sign_in(again, portal, issuer, "dora").url, "and as the same account"
    logs: Any = {name: (tmp_path / name).read_text() for name in ("web.log", "worker.log")}
    for name, text in logs.items():
        assert "Traceback" not in text, name
        assert "NOPERM" not in text, name
        assert SECRET not in text, name


def test_who_has_no_account_and_gets_none(portal: str, issuer: str) -> None:
    know(issuer, "mallory", email="mallory@elsewhere.example", email_verified=True)
    know(issuer, "unverified", email="eve@acme.example", email_verified=False)
    for subject, code in (("mallory", "sso_no_account"), ("unverified", "sso_email_unverified")):
        page = sign_in(Browser(), portal, issuer, subject)
        assert page.status_code == 400
        assert f"<code>{code}</code>" in page.text
