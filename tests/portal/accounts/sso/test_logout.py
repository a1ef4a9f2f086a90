"""Back-channel logout: the provider ends the sessions of one identity, and nobody else can."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
import requests
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts import sign_in_limits
from portal.accounts.sso import identities, logout
from portal.accounts.sso.clients import logout_uri
from portal.models import LinkedIdentity, ProviderLogout, ProviderSession, SignInLimit, SsoProvider
from tests.support.identity_providers import SsoBrowser, provider_of, tell, verified_domain
from tests.support.sign_ins import actions_of

Kind = SignInLimit.Kind
pytestmark = pytest.mark.django_db


@pytest.fixture
def dora(acme: Any, lying_issuer: str) -> SsoBrowser:
    """A browser of somebody whom Acme's provider brought."""
    verified_domain(acme)
    provider_of(acme, lying_issuer, adds_members=True)
    tell(lying_issuer, "", email="dora@acme.example", sid="session-1")
    browser = SsoBrowser()
    assert browser.sign_in("acme").status_code == 302
    return browser


def send(issuer: str, lie: str = "", **claims: Any) -> int:
    """Have the provider sign a logout token, and post it as it does; a worker verifies it. Returns the status."""
    tell(issuer, lie, **claims)
    token = requests.get(f"{issuer}/logout-token", timeout=10).json()["logout_token"]
    return post(token)


def address() -> str:
    return urlsplit(logout_uri(SsoProvider.objects.get())).path


def post(token: str) -> int:
    status = Client(enforce_csrf_checks=True).post(address(), {"logout_token": token}).status_code
    for row in ProviderLogout.objects.filter(ended_at__isnull=True):
        logout.verify(row.pk)
    return status


def is_signed_in(browser: SsoBrowser) -> bool:
    return bool(browser.client.get("/o/acme/").status_code == 200)


@pytest.mark.parametrize("claims", [{}, {"sub": None, "sid": "session-1"}])
def test_it_ends_the_sessions(dora: SsoBrowser, acme: Any, lying_issuer: str, claims: dict[str, Any]) -> None:
    assert is_signed_in(dora)
    assert send(lying_issuer, **claims) == 200
    assert not is_signed_in(dora)
    assert "account.signed_out_by_provider" in actions_of(acme)
    tell(lying_issuer, "", email="dora@acme.example")
    again = SsoBrowser()
    assert again.sign_in("acme").status_code == 302, "who signs in again is in again"
    assert is_signed_in(again)


def test_only_of_that_identity(dora: SsoBrowser, lying_issuer: str) -> None:
    assert send(lying_issuer, sub="somebody-else") == 200
    assert send(lying_issuer, sub=None, sid="session-2", jti="j-2") == 200
    assert is_signed_in(dora)
    assert not ProviderLogout.objects.exists(), "and nothing waits for a worker"


def test_a_session_is_looked_up_and_not_all_of_them_read(dora: SsoBrowser, acme: Any) -> None:
    provider = SsoProvider.objects.get()
    found = identities.with_session(provider, "session-1")
    assert found.get().email == "dora@acme.example"
    with CaptureQueriesContext(connection) as queries:
        assert not identities.with_session(provider, "session-2").exists()
    assert len(queries) == 1


def test_the_last_twenty_sessions_of_somebody_are_kept(dora: SsoBrowser) -> None:
    identity = LinkedIdentity.objects.get()
    claims = SimpleNamespace(email=identity.email, sid="")
    for number in range(25):
        claims.sid = f"session-of-day-{number}"
        identities.note_use(identity, cast("Any", claims), None)
    assert ProviderSession.objects.count() == 20
    assert identities.with_session(identity.provider, "session-of-day-24").exists()
    assert not identities.with_session(identity.provider, "session-of-day-4").exists()
    identities.end_identity_sessions(identity)
    assert not ProviderSession.objects.exists()


@pytest.mark.parametrize(
    ("lie", "claims"),
    [
        ("", {"iss": "https://other.example"}),
        ("", {"aud": "another-client"}),
        ("", {"events": {}}),
        ("", {"events": None}),
        ("", {"nonce": "n"}),
        ("", {"jti": None}),
        ("", {"sub": None}),
        ("", {"iat": 1_000_000_000}),
        ("", {"iat": None}),
        ("", {"exp": 1_000_000_000}),
        ("alg_none", {}),
        ("alg_public_key", {}),
    ],
)
def test_what_says_itself_that_it_is_none_is_not_even_stored(
    dora: SsoBrowser, lying_issuer: str, lie: str, claims: dict[str, Any]
) -> None:
    assert send(lying_issuer, lie, **claims) == 400
    assert not ProviderLogout.objects.exists()
    assert is_signed_in(dora)


@pytest.mark.parametrize("lie", ["other_key", "unknown_key", "jwks_private"])
def test_a_token_that_is_none_ends_nothing(dora: SsoBrowser, lying_issuer: str, lie: str) -> None:
    assert send(lying_issuer, lie) == 200, "a worker looks at it"
    assert is_signed_in(dora)
    assert ProviderLogout.objects.get().problem.startswith("sso_")


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "e30.e30.e30", "x" * 15_000])
def test_what_is_no_token(dora: SsoBrowser, token: str) -> None:
    assert post(token) == 400
    assert is_signed_in(dora)


def test_a_token_counts_once(dora: SsoBrowser, lying_issuer: str) -> None:
    assert send(lying_issuer) == 200
    tell(lying_issuer, "", email="dora@acme.example")
    again = SsoBrowser()
    again.sign_in("acme")
    assert send(lying_issuer) == 200
    assert is_signed_in(again)


def test_a_stranger_does_not_keep_the_providers_tokens_out(
    dora: SsoBrowser, acme: Any, lying_issuer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody can post there, and can know a subject: here one of another person of the same provider."""
    tell(lying_issuer, "", email="erin@acme.example", sub="erin")
    assert SsoBrowser("erin").sign_in("acme").status_code == 302
    with monkeypatch.context() as idle:
        idle.setattr(logout, "verify", lambda row: False)
        posts = [send(lying_issuer, "other_key", sub="erin", jti=f"j-{number}") for number in range(6)]
        posts += [send(lying_issuer, "other_key", sub=f"invented-{number}") for number in range(6)]
    assert set(posts) == {200}
    assert ProviderLogout.objects.count() == logout.MAX_WAITING_FOR_ONE
    assert send(lying_issuer) == 200
    assert not is_signed_in(dora)


def test_an_address_that_posts_much_waits_and_others_do_not(
    dora: SsoBrowser, acme: Any, lying_issuer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rate = replace(sign_in_limits.RATES[Kind.SSO_LOGOUT], free=2, first=60, bound=60)
    monkeypatch.setattr(sign_in_limits, "RATES", {**sign_in_limits.RATES, Kind.SSO_LOGOUT: rate})
    stranger = Client(REMOTE_ADDR="203.0.113.9")
    posts = [stranger.post(address(), {"logout_token": "x"}) for _ in range(3)]
    assert [post.status_code for post in posts] == [400, 400, 429]
    assert int(posts[2]["Retry-After"]) > 0
    assert send(lying_issuer) == 200
    assert not is_signed_in(dora)


def test_a_token_is_stored_encrypted_and_not_for_long(dora: SsoBrowser, lying_issuer: str) -> None:
    assert send(lying_issuer) == 200
    row = ProviderLogout.objects.get()
    assert row.token is None
    ProviderLogout.objects.update(received_at=timezone.now() - timedelta(days=3))
    assert logout.sweep() == 1


@pytest.mark.parametrize("lie", ["discovery_missing", "jwks_private", "discovery_endless"])
def test_a_provider_that_does_not_answer_for_a_moment_loses_no_logout(
    dora: SsoBrowser, lying_issuer: str, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    assert send(lying_issuer, lie) == 200
    assert is_signed_in(dora)
    waiting = ProviderLogout.objects.get()
    assert waiting.problem.startswith("sso_")
    woken: list[object] = []
    monkeypatch.setattr(logout, "wake_sign_out", woken.append)
    ProviderLogout.objects.update(received_at=timezone.now() - timedelta(minutes=1))
    assert (logout.sweep(), logout.wake_again(), woken) == (0, 1, [waiting.pk])
    tell(lying_issuer)
    assert logout.verify(waiting.pk)
    assert not is_signed_in(dora)
    assert not logout.verify(waiting.pk), "once"
    waiting.refresh_from_db()
    assert (waiting.problem, waiting.token) == ("", None)


def test_a_token_waits_for_its_provider_as_long_as_it_is_accepted(dora: SsoBrowser, lying_issuer: str) -> None:
    assert send(lying_issuer, "discovery_missing") == 200
    ProviderLogout.objects.update(received_at=timezone.now() - logout.MAX_AGE - timedelta(seconds=1))
    logout.sweep()
    row = ProviderLogout.objects.get()
    assert (row.token, row.problem, logout.wake_again()) == (None, "sso_discovery_missing", 0)
    tell(lying_issuer)
    assert not logout.verify(row.pk)


def test_what_waits_for_its_provider_keeps_no_other_token_out(dora: SsoBrowser, lying_issuer: str) -> None:
    """A stranger's tokens, posted while the provider is down."""
    for number in range(logout.MAX_WAITING_FOR_ONE):
        assert send(lying_issuer, "discovery_missing", jti=f"j-{number}") == 200
    assert is_signed_in(dora)
    assert send(lying_issuer, jti="of the provider") == 200
    assert not is_signed_in(dora)


def test_a_session_with_a_password_goes_on(dora: SsoBrowser, lying_issuer: str) -> None:
    """An organization's provider ends what began with it, and not what the person did with a password."""
    kept = dict(dora.client.session["sso"])
    session = dora.client.session
    session["sso"] = kept | {"limited": False}
    session.save()
    assert send(lying_issuer) == 200
    assert is_signed_in(dora)
    assert LinkedIdentity.objects.get().epoch == 1
