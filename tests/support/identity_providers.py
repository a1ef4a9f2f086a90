"""Identity providers as processes of their own, and a browser that signs in with one."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from django.test import Client

from portal.accounts.sso import clients, exchange, providers
from portal.config.env import CHECKOUT
from portal.models import Organization, SsoProvider, SsoSignIn, VerifiedDomain
from registries.foundation.clock import database_now
from tests.support.processes import bare_environment, free_port, until_answers

CLIENT_ID, CLIENT_SECRET = "drayage", "a secret of the client"


@contextmanager
def running(module: str, arguments: list[str], port: int, folder: Path) -> Iterator[str]:
    """Run a provider; yield its issuer."""
    log = folder / f"{module}.log"
    with log.open("ab") as file:
        command = [sys.executable, "-m", module, *arguments]
        process = subprocess.Popen(command, cwd=CHECKOUT, env=bare_environment(), stdout=file, stderr=file)
    issuer = f"http://localhost:{port}"
    try:
        until_answers(f"{issuer}/.well-known/openid-configuration", process, log)
        yield issuer
    finally:
        process.kill()
        process.wait()


@contextmanager
def real_provider(folder: Path) -> Iterator[str]:
    """oidc-provider-mock from PyPI."""
    port = free_port()
    with running("oidc_provider_mock", ["--port", str(port)], port, folder) as issuer:
        yield issuer


@contextmanager
def lying_provider(folder: Path) -> Iterator[str]:
    """Ours."""
    port = free_port()
    with running("tests.support.fakes.lying_provider", [str(port)], port, folder) as issuer:
        yield issuer


def tell(issuer: str, lie: str = "", **claims: Any) -> None:
    """Tell the lying provider how to lie."""
    requests.put(f"{issuer}/lie", json={"lie": lie, "claims": claims}, timeout=10).raise_for_status()


def asked(issuer: str) -> list[dict[str, Any]]:
    """What the lying provider's token endpoint was asked."""
    found: list[dict[str, Any]] = requests.get(f"{issuer}/asked", timeout=10).json()["asked"]
    return found


def know(issuer: str, subject: str, **claims: Any) -> None:
    """Tell the real provider about an account."""
    requests.put(f"{issuer}/users/{quote(subject, safe='')}", json=claims, timeout=10).raise_for_status()


def provider_of(organization: Organization, issuer: str, **values: Any) -> SsoProvider:
    """The organization's provider, as an owner has set it and a worker has read it."""
    row = SsoProvider(organization=organization, issuer=issuer, client_id=CLIENT_ID, **values)
    row.client = clients.seal_client(row, CLIENT_SECRET)
    row.mark = clients.settings_mark(row)
    row.save()
    exchange.configure(row.pk)
    row.refresh_from_db()
    return row


def portals_own(settings: Any, issuer: str) -> SsoProvider:
    """The whole portal's provider, as the environment names it and a worker has read it."""
    settings.PORTAL_SSO_ISSUER, settings.PORTAL_SSO_CLIENT_ID = issuer, CLIENT_ID
    settings.PORTAL_SSO_CLIENT_SECRET, settings.PORTAL_SSO_NAME = CLIENT_SECRET, "Acme ID"
    row = providers.portal_provider()
    assert row is not None
    exchange.configure(row.pk)
    return row


def verified_domain(organization: Organization, name: str = "acme.example") -> VerifiedDomain:
    """A domain of the organization whose record a worker has found."""
    from portal.accounts.sso.domains import VALID_FOR, token_of, verified_mark

    row = VerifiedDomain(organization=organization, name=name, verified_at=database_now())
    row.token = token_of(row)
    row.valid_until = database_now() + VALID_FOR
    row.mark = verified_mark(row)
    row.save()
    return row


class SsoBrowser:
    """A browser of a person who has an account at a provider."""

    def __init__(self, subject: str = "s-1") -> None:
        self.client = Client()
        self.subject = subject

    def start(self, where: str = "", next_url: str = "") -> str:
        """Begin a sign-in; return the address of the waiting page."""
        if where:
            response = self.client.post("/accounts/sso/", {"where": where, "next": next_url})
        else:
            response = self.client.post("/accounts/sso/start/", {"next": next_url})
        assert response.status_code == 302, response.content.decode()
        return str(response["Location"])

    def go_to_provider(self, waiting: str) -> str:
        """Follow the waiting page to the provider and sign in there; return the address that it sends us back to."""
        page = self.client.get(waiting)
        refresh = page.headers.get("Refresh", "")
        assert refresh.startswith("0; url="), page.content.decode()
        address = refresh.removeprefix("0; url=")
        assert html.escape(address) in page.content.decode(), "there is a link as well"
        response = requests.get(address, allow_redirects=False, timeout=10)
        if response.status_code == 200:  # the real one's form
            response = requests.post(address, data={"sub": self.subject}, allow_redirects=False, timeout=10)
        assert response.status_code == 302, response.text
        return response.headers["Location"]

    def come_back(self, address: str) -> Any:
        """Open the address at which the provider sends the browser back."""
        parts = urlsplit(address)
        return self.client.get(f"{parts.path}?{parts.query}")

    def sign_in(self, where: str = "", next_url: str = "") -> Any:
        """Go the whole way, with a worker; return the last response."""
        waiting = self.start(where, next_url)
        response = self.come_back(self.go_to_provider(waiting))
        assert response.status_code == 302, response.content.decode()
        work()
        return self.client.get(waiting)


def work() -> None:
    """What a worker does with the sign-ins that wait for one."""
    for row in SsoSignIn.objects.filter(status="exchanging", sealed__isnull=False):
        exchange.verify(row.pk)


def code_on(response: Any) -> str:
    """The code of the problem that a page shows."""
    found = re.search(r"Code: <code>(\w+)</code>", response.content.decode())
    return found[1] if found else f"none: {response.status_code} {response.content.decode()[:400]}"
