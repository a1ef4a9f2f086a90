"""Addresses that are secrets: whatever happens to a request for one, no log says it and no `Referer` passes it on."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.account.utils import user_pk_to_url_str
from django.core.cache import cache
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from portal import settings as settings_module
from portal.accounts import address_change
from portal.accounts.reset_tokens import ResetTokens
from portal.models import User
from portal.organizations import invitations
from registries.secrets import one_time
from tests.support.actors import acting

IDS = ("UUIDConverter", "IntConverter")
"""Converters of ids of rows, which give nobody any right."""
SECRET_NAMES = ("token", "key", "code", "secret")
NO_SECRETS = {
    "admin/rq/workers/<int:queue_index>/<str:key>/": "the name of a worker",
}


@pytest.fixture(autouse=True)
def _no_limits_left_over(db: None) -> None:
    cache.clear()


def routes(resolver: URLResolver, above: str = "") -> Iterator[str]:
    """Yield the routes that take a secret as text."""
    for entry in resolver.url_patterns:
        here = f"{above}{entry.pattern}"
        if isinstance(entry, URLResolver):
            yield from routes(entry, here)
        elif isinstance(entry, URLPattern):
            pattern: Any = entry.pattern
            text = [name for name in pattern.regex.groupindex if _is_text(pattern, name)]
            if any(name in text for name in SECRET_NAMES):
                yield here


def _is_text(pattern: Any, name: str) -> bool:
    return type(pattern.converters.get(name)).__name__ not in IDS


INVITATION = "invitations/<str:token>/"
RESET = "accounts/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$"
ADDRESS = "accounts/address/<str:token>/"
CONFIRM = "accounts/confirm-email/<str:key>/"
CONFIRM_HIDDEN = "accounts/^confirm-email/(?P<key>[-:\\w]+)/$"
LINKS: dict[str, str] = {
    INVITATION: "/invitations/{}/",
    RESET: "/accounts/password/reset/key/{uid}-{}/",
    ADDRESS: "/accounts/address/{}/",
    CONFIRM: "/accounts/confirm-email/{}/",
    CONFIRM_HIDDEN: "/accounts/confirm-email/{}/",
}


def test_every_address_with_a_secret_is_known() -> None:
    assert set(routes(get_resolver())) - NO_SECRETS.keys() == LINKS.keys()


@pytest.fixture
def live(acme: Any, alice: User) -> dict[str, str]:
    """A link with a live secret by its route."""
    secrets = {
        INVITATION: invitations.invite(acme, email="nina@acme.example", role="member", by=acting(alice))[1],
        RESET: ResetTokens().make_token(alice),
        ADDRESS: address_change.request_change(alice, "alice@new.example", by=acting(alice)),
        CONFIRM: one_time.new(""),
        CONFIRM_HIDDEN: one_time.new(""),
    }
    return {route: LINKS[route].format(secret, uid=user_pk_to_url_str(alice)) for route, secret in secrets.items()}


Request = Callable[[str, Any], Any]
REQUESTS: dict[str, Request] = {
    "opened": lambda link, patch: Client().get(link),
    "opened and followed": lambda link, patch: Client().get(link, follow=True),
    "head": lambda link, patch: Client().head(link),
    "posted": lambda link, patch: Client().post(link, {"password": "short", "password1": "short"}),
    "posted by another site": lambda link, patch: Client(enforce_csrf_checks=True).post(link),
    "put": lambda link, patch: Client().put(link),
    "options": lambda link, patch: Client().options(link),
    "too large": lambda link, patch: Client().post(link, {"password": "a" * 3_000_000}),
    "too many fields": lambda link, patch: Client().post(link, {f"x{number}": "" for number in range(1100)}),
    "not utf-8": lambda link, patch: Client().post(link, b"password=%ff\xff", "application/x-www-form-urlencoded"),
    "another host": lambda link, patch: Client().get(link, headers={"Host": "evil.example"}),
    "NUL": lambda link, patch: Client().get(link.rstrip("/") + "%00/"),
    "NUL in the query": lambda link, patch: Client().get(link + "?a=%00"),
    "without the slash": lambda link, patch: Client().get(link.rstrip("/")),
    "with more": lambda link, patch: Client().get(link + "more/"),
    "in capitals": lambda link, patch: Client().get(link.swapcase()),
    "cut short": lambda link, patch: Client().get(link[:-4]),
    "over http": lambda link, patch: _over_http(link, patch),
    "after signing in": lambda link, patch: Client().get(f"/accounts/login/?next={link}"),
    "with a wrong password": lambda link, patch: Client().post(
        f"/accounts/login/?next={link}", {"login": "alice@acme.example", "password": "wrong", "next": link}
    ),
    "broken": lambda link, patch: _on_a_broken_portal(link, patch),
}


def _over_http(link: str, patch: Any) -> Any:
    patch.SECURE_SSL_REDIRECT = True
    return Client().get(link)


def _on_a_broken_portal(link: str, patch: Any) -> Any:
    patch.ROOT_URLCONF = "tests.portal.http.broken_urls"
    return Client(raise_request_exception=False).get(link)


@pytest.fixture
def log_file() -> Iterator[io.StringIO]:
    """What the process writes to its log."""
    config: Any = settings_module.LOGGING
    handler, formatter = logging.StreamHandler(io.StringIO()), dict(config["formatters"]["json"])
    handler.setFormatter(formatter.pop("()")(**formatter))
    logging.getLogger().addHandler(handler)
    yield handler.stream
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize("how", REQUESTS)
@pytest.mark.parametrize("route", [INVITATION, RESET, CONFIRM])
def test_no_log_says_it(
    route: str, how: str, live: dict[str, str], settings: Any, caplog: pytest.LogCaptureFixture, log_file: io.StringIO
) -> None:
    link = live[route]
    secret = max(link.rstrip("/").replace("-dr", "/dr").split("/"), key=len)[-20:]
    caplog.set_level(0)
    answer = REQUESTS[how](link, settings)
    logged = caplog.text + "".join(str(record.args) + str(record.msg) for record in caplog.records)
    written = log_file.getvalue()
    for text in (logged, written):
        assert secret not in text
        assert secret.swapcase() not in text
    if answer.status_code > 400:
        assert "[redacted]" in written, "the log says that something was refused, without the secret"
    if answer.request["PATH_INFO"].startswith(link):
        assert answer["Referrer-Policy"] == "strict-origin"
        assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("how", ["another host", "NUL in the query", "too large", "broken"])
def test_the_requests_reach_what_they_are_about(how: str, live: dict[str, str], settings: Any) -> None:
    expected = {"another host": 400, "NUL in the query": 400, "too large": 413, "broken": 500}
    assert REQUESTS[how](live[INVITATION], settings).status_code == expected[how]


def test_other_pages_are_named_within_the_portal() -> None:
    assert Client().get("/accounts/login/")["Referrer-Policy"] == "same-origin"
