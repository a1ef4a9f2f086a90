"""The portal answers to its public host; probes may name this machine."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from portal.config import env

PROBES = ("/livez", "/readyz", "/metrics")
PAGES = ("/", "/accounts/login/", "/o/acme/", "/api/docs", "/v2/", "/node/v1/poll", "/livez/", "/static/portal.css")
MACHINES = ("localhost:8000", "127.0.0.1", "127.0.0.1:8000", "[::1]:8000", "10.0.0.7:8000")


@pytest.fixture(autouse=True)
def _public(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_PUBLIC_URL", "https://portal.example")
    settings.PORTAL_PUBLIC_URL = "https://portal.example"
    settings.ALLOWED_HOSTS = env.read().allowed_hosts


def status(path: str, host: str) -> int:
    return Client().get(path, headers={"Host": host}).status_code


@pytest.mark.parametrize("host", [*MACHINES, "evil.example", "portal.example.evil.example", "portal.example@evil"])
def test_pages_answer_to_the_public_host_only(host: str) -> None:
    assert {status(path, host) for path in PAGES} == {400}
    assert 400 not in {status(path, "portal.example") for path in PAGES}
    assert 400 not in {status(path, "portal.example:8443") for path in PAGES}


@pytest.mark.parametrize("host", MACHINES)
def test_probes_answer_to_this_machine(host: str) -> None:
    assert {status(path, host) for path in PROBES} == {200}


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "[::1", "a b", ""]
)
def test_probes_answer_to_no_other_name(host: str) -> None:
    assert {status(path, host) for path in PROBES} == {400}


def test_on_loopback_it_answers_to_all_names_of_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("http://localhost:8000", "http://127.0.0.1:9", "http://[::1]:8000"):
        monkeypatch.setenv("PORTAL_PUBLIC_URL", url)
        assert env.read().allowed_hosts == ["127.0.0.1", "[::1]", "localhost"]
    monkeypatch.setenv("PORTAL_PUBLIC_URL", "https://[2001:db8::7]:8443")
    assert env.read().allowed_hosts == ["[2001:db8::7]"]
    monkeypatch.setenv("PORTAL_ALLOWED_HOSTS", "a.example, b.example")
    assert env.read().allowed_hosts == ["a.example", "b.example"]
