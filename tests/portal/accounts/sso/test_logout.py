"""Back-channel logout: the provider ends the sessions of one identity, and nobody else can."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import requests
from django.test import Client
from django.utils import timezone

from portal.accounts.sso import logout
from portal.models import LinkedIdentity, ProviderLogout, SsoProvider
from tests.support.identity_providers import SsoBrowser, provider_of, tell, verified_domain
from tests.support.sign_ins import actions_of

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


def post(token: str) -> int:
    address = f"/accounts/sso/{SsoProvider.objects.get().pk}/logout/"
    status = Client(enforce_csrf_checks=True).post(address, {"logout_token": token}).status_code
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


@pytest.mark.parametrize(
    ("lie", "claims"),
    [
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
        ("other_key", {}),
        ("unknown_key", {}),
        ("jwks_private", {}),
    ],
)
def test_a_token_that_is_none_ends_nothing(
    dora: SsoBrowser, lying_issuer: str, lie: str, claims: dict[str, Any]
) -> None:
    assert send(lying_issuer, lie, **claims) == 200, "a worker looks at it"
    assert is_signed_in(dora)
    assert ProviderLogout.objects.get().problem.startswith("sso_")


@pytest.mark.parametrize("claims", [{"iss": "https://other.example"}, {"aud": "another-client"}])
def test_a_token_for_somebody_else_is_not_even_stored(
    dora: SsoBrowser, lying_issuer: str, claims: dict[str, Any]
) -> None:
    assert send(lying_issuer, **claims) == 400
    assert not ProviderLogout.objects.exists()


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


def test_anybody_can_post_there_so_few_wait(
    dora: SsoBrowser, lying_issuer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logout, "MAX_WAITING", 2)
    monkeypatch.setattr(logout, "verify", lambda row: False)
    assert [send(lying_issuer) for _ in range(3)] == [200, 200, 400]


def test_a_token_is_stored_encrypted_and_not_for_long(dora: SsoBrowser, lying_issuer: str) -> None:
    assert send(lying_issuer) == 200
    row = ProviderLogout.objects.get()
    assert row.token is None
    ProviderLogout.objects.update(received_at=timezone.now() - timedelta(days=3))
    assert logout.sweep() == 1


def test_a_session_with_a_password_goes_on(dora: SsoBrowser, lying_issuer: str) -> None:
    """An organization's provider ends what began with it, and not what the person did with a password."""
    kept = dict(dora.client.session["sso"])
    session = dora.client.session
    session["sso"] = kept | {"limited": False}
    session.save()
    assert send(lying_issuer) == 200
    assert is_signed_in(dora)
    assert LinkedIdentity.objects.get().epoch == 1
