"""Headers and cookies that browsers get, forms and addresses that are refused, and what differs over HTTPS."""

from __future__ import annotations

import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client

from portal import settings as settings_module
from tests.conftest import PASSWORD
from tests.support import password_mails

LOGIN = "/accounts/login/"
OVER_HTTPS = (
    "SESSION_COOKIE_SECURE",
    "CSRF_COOKIE_SECURE",
    "SECURE_SSL_REDIRECT",
    "SECURE_REDIRECT_EXEMPT",
    "SECURE_HSTS_SECONDS",
    "SECURE_HSTS_INCLUDE_SUBDOMAINS",
    "SECURE_HSTS_PRELOAD",
    "SECURE_PROXY_SSL_HEADER",
    "COOKIE_PREFIX",
    "SESSION_COOKIE_NAME",
    "CSRF_COOKIE_NAME",
    "CSRF_TRUSTED_ORIGINS",
)


@pytest.fixture(autouse=True)
def _no_limits_left_over(db: None) -> None:
    cache.clear()


@pytest.fixture
def over_https(settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The settings of a portal whose address begins with https://."""
    read_over_https(settings, monkeypatch, tmp_path)


def read_over_https(settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PORTAL_PUBLIC_URL", "https://portal.example")
    monkeypatch.setenv("PORTAL_KEY_DIR", str(tmp_path))
    read: Mapping[str, object] = runpy.run_path(settings_module.__file__)
    for name in OVER_HTTPS:
        setattr(settings, name, read[name])


def test_what_a_browser_may_do_with_a_page() -> None:
    page = Client().get(LOGIN)

    directives = {words[0]: words[1:] for words in map(str.split, page["Content-Security-Policy"].split(";"))}
    assert directives == {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
    names = ("X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy")
    assert [page[name] for name in names] == ["DENY", "nosniff", "same-origin", "same-origin"]


def test_scripts_and_other_sites_get_no_cookie(acme: Any, alice: Any) -> None:
    browser = Client()
    browser.get(LOGIN)
    browser.post(LOGIN, {"login": alice.email, "password": PASSWORD, "remember": "on"})

    flags = {name: (cookie["httponly"], cookie["samesite"]) for name, cookie in browser.cookies.items()}
    assert flags == {
        "csrftoken": (True, "Lax"),
        "sessionid": (True, "Lax"),
        "messages": (True, "Lax"),
        "browser": (True, "Lax"),
    }
    assert browser.cookies["sessionid"]["max-age"] == 7 * 24 * 3600


@pytest.mark.parametrize(
    "address",
    [
        LOGIN,
        "/accounts/logout/",
        "/accounts/password/change/",
        "/accounts/2fa/totp/activate/",
        "/o/acme/settings/members/invite/",
        "/o/acme/settings/members/leave/",
        "/o/acme/settings/api-keys/create/",
        "/o/acme/registries/new/",
        "/o/acme/support/ask/",
        "/o/acme/settings/notifications/",
        "/admin/desk/",
        "/admin/portal/user/add/",
    ],
)
def test_a_form_of_another_site_is_refused(acme: Any, alice: Any, address: str) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")

    refused = browser.post(address, {"login": alice.email})

    assert (refused.status_code, refused.templates[0].name) == (403, "403_csrf.html")


@pytest.mark.usefixtures("over_https")
class TestOverHttps:
    @pytest.mark.parametrize("address", [LOGIN, "/", "/o/acme/", "/admin/", "/api/public/", "/v2/", "/node/v1/poll"])
    def test_nothing_is_served_without_it(self, address: str) -> None:
        answer = Client().get(address)
        assert (answer.status_code, answer["Location"]) == (301, f"https://testserver{address}")

    @pytest.mark.parametrize("address", ["/livez", "/readyz", "/metrics"])
    def test_but_what_machines_beside_it_ask(self, address: str) -> None:
        assert Client().get(address).status_code != 301

    def test_browsers_use_no_other_for_a_year(self) -> None:
        assert Client().get(LOGIN, secure=True)["Strict-Transport-Security"] == "max-age=31536000"

    def test_a_proxy_says_whether_it_was_used(self) -> None:
        assert Client().get(LOGIN, headers={"X-Forwarded-Proto": "https"}).status_code == 200
        assert Client().get(LOGIN, headers={"X-Forwarded-Proto": "http"}).status_code == 301

    def test_cookies_are_sent_over_nothing_else(self, acme: Any, alice: Any) -> None:
        browser = Client()
        browser.get(LOGIN, secure=True)
        browser.post(LOGIN, {"login": alice.email, "password": PASSWORD}, secure=True)
        names = {"__Host-csrftoken", "__Host-sessionid", "__Host-messages", "__Host-browser"}
        assert set(browser.cookies) == names
        for name in names:
            cookie = browser.cookies[name]
            assert (cookie["secure"], cookie["path"], cookie["domain"], cookie["samesite"]) == (True, "/", "", "Lax")

    def test_signing_out_deletes_them(self, acme: Any, alice: Any) -> None:
        browser = Client()
        browser.post(LOGIN, {"login": alice.email, "password": PASSWORD}, secure=True)
        browser.get("/o/acme/default/groups/", secure=True)
        browser.post("/accounts/logout/", secure=True)
        assert browser.cookies["__Host-sessionid"].value == ""
        assert browser.cookies["__Host-sessionid"]["secure"]


@pytest.mark.parametrize(
    ("value", "header"),
    [
        ("host", "max-age=31536000"),
        ("subdomains", "max-age=31536000; includeSubDomains"),
        ("preload", "max-age=31536000; includeSubDomains; preload"),
    ],
)
def test_subdomains_and_preload_are_the_operators_choice(
    value: str, header: str, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PORTAL_HSTS", value)
    read_over_https(settings, monkeypatch, tmp_path)
    assert Client().get(LOGIN, secure=True)["Strict-Transport-Security"] == header


@pytest.mark.parametrize("address", [LOGIN, "/", "/o/acme/", "/admin/", "/api/docs", "/livez", "/no/such/page"])
def test_no_page_uses_a_devices_features_and_no_site_embeds_it(address: str) -> None:
    answer = Client().get(address, follow=True)
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    if answer["Content-Type"].startswith("text/html"):
        allowed = dict(part.split("=", 1) for part in answer["Permissions-Policy"].split(", "))
        for needed in ("clipboard-write", "publickey-credentials-create", "publickey-credentials-get"):
            assert allowed.pop(needed) == "(self)"
        assert set(allowed.values()) == {"()"}
        assert {"camera", "microphone", "geolocation", "usb", "payment", "clipboard-read"} <= allowed.keys()
    else:
        assert "Permissions-Policy" not in answer


def test_a_link_to_sign_out_asks_first(as_user: Any, alice: Any, acme: Any) -> None:
    browser = as_user(alice)
    assert browser.get("/accounts/logout/").status_code == 200
    assert browser.get("/o/acme/").status_code == 200


def test_an_address_without_an_account_gets_no_mail(settings: Any) -> None:
    settings.PORTAL_SENDS_MAIL = True
    password_mails.ask_for_link("nobody@acme.example")
    assert mail.outbox == []


@pytest.mark.parametrize(("size", "status"), [(2 * 1024 * 1024, 413), (16 * 1024, 413), (8 * 1024, 200)])
def test_the_size_of_a_form_that_anybody_can_send(size: int, status: int) -> None:
    assert Client().post(LOGIN, {"login": "a" * size}).status_code == status
