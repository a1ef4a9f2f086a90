"""What owners set for their organization's single sign-on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from portal.accounts.actions import change_person
from portal.accounts.sso import clients
from portal.accounts.sso.organization_actions import (
    MAX_DOMAINS,
    POLICY,
    NewClient,
    SsoRefused,
    add_domain,
    change_policy,
    remove_domain,
    remove_provider,
    set_provider,
)
from portal.accounts.sso.provider_address import IssuerRefused
from portal.accounts.sso.requirement import is_required, note_requirement
from portal.models import Activity, LinkedIdentity, SsoProvider, User
from portal.organizations.errors import NoLongerOwner
from registries.foundation.actor import PORTAL
from tests.conftest import PASSWORD
from tests.support.actors import acting
from tests.support.fresh_sign_ins import signed_in
from tests.support.identity_providers import SsoBrowser, code_on, provider_of, tell, verified_domain, work
from tests.support.second_factors import add_totp

pytestmark = pytest.mark.django_db
SECRET = "a secret of the client"  # pragma: allowlist secret
PAGE = "/o/acme/settings/sso/"


@pytest.fixture
def owner(alice: Any, acme: Any) -> Client:
    """alice's browser, in which she has just signed in."""
    return signed_in(alice)


def test_an_owner_sets_a_provider_and_never_sees_its_secret_again(owner: Client, lying_issuer: str, acme: Any) -> None:
    values = {"issuer": lying_issuer, "client_id": "drayage", "client_secret": SECRET}
    assert owner.post(f"{PAGE}provider/", values).status_code == 302
    provider = SsoProvider.objects.get(organization=acme)
    assert SECRET not in owner.get(PAGE).content.decode()
    assert SECRET.encode() not in bytes(provider.client or b"")


def test_the_addresses_to_register_are_shown_before_and_after(owner: Client, lying_issuer: str, acme: Any) -> None:
    before = owner.get(PAGE).content.decode()
    provider_of(acme, lying_issuer)
    after = owner.get(PAGE).content.decode()
    for page in (before, after):
        assert f"/accounts/sso/{acme.pk}/callback/" in page
        assert f"/accounts/sso/{acme.pk}/logout/" in page


def test_the_secret_is_kept_for_the_same_client_only(acme: Any, alice: Any) -> None:
    by = acting(alice)
    set_provider(acme, NewClient("https://login.example.com", "one", SECRET), by=by)
    set_provider(acme, NewClient("https://login.example.com", "one", ""), by=by)
    for issuer, client_id in (("https://login.example.com", "two"), ("https://mallory.example", "one")):
        with pytest.raises(SsoRefused):
            set_provider(acme, NewClient(issuer, client_id, ""), by=by)


def test_another_issuer_ends_what_the_one_before_has_linked(acme: Any, alice: Any, lying_issuer: str) -> None:
    verified_domain(acme)
    provider_of(acme, lying_issuer, adds_members=True)
    tell(lying_issuer, "", email="dora@acme.example")
    SsoBrowser().sign_in("acme")
    assert LinkedIdentity.objects.exists()
    set_provider(acme, NewClient("https://login.example.com", "one", SECRET), by=acting(alice))
    assert not LinkedIdentity.objects.exists()


@pytest.mark.parametrize(
    "issuer",
    [
        "http://login.example.com", "ftp://login.example.com", "login.example.com", "https://", "https://10.0.0.1",
        "https://169.254.169.254", "https://localhost.internal", "https://user@login.example.com",
        "https://login.example.com?x=1", "https://login.example.com#x", "https://login.example.com:22",
        "https://login.example.com/ü", "https://[::1", "https://portal.internal",
    ],
)  # fmt: skip
def test_what_is_no_issuer(acme: Any, alice: Any, issuer: str, settings: Any) -> None:
    settings.PORTAL_SSO_ALLOW_NETWORKS = []
    with pytest.raises(IssuerRefused):
        set_provider(acme, NewClient(issuer, "one", SECRET), by=acting(alice))


def test_nobody_locks_everybody_out(owner: Client, acme: Any, alice: Any, lying_issuer: str) -> None:
    """Only by single sign-on needs a session of the provider."""
    verified_domain(acme)
    provider = provider_of(acme, lying_issuer)
    policy = {"default_role": "viewer", "requires_sso": "on"}
    response = owner.post(f"{PAGE}policy/", policy)
    assert response.status_code == 400
    assert b"Sign in with this provider first" in response.content
    tell(lying_issuer, "", email="alice@acme.example", sub="alice")
    browser = SsoBrowser()
    browser.client.post("/accounts/login/", {"login": alice.email, "password": PASSWORD})
    connect = browser.sign_in("acme")["Location"]
    browser.client.post(connect)
    response = browser.client.post(f"{PAGE}policy/", policy)
    assert b"First an owner has to add a second factor" in response.content
    add_totp(alice)
    assert browser.client.post(f"{PAGE}policy/", policy).status_code == 302
    provider.refresh_from_db()
    assert provider.requires_sso
    assert owner.get("/o/acme/").status_code == 403
    assert browser.client.get("/o/acme/").status_code == 200


def test_settings_that_were_changed_outside_are_not_confirmed(acme: Any, alice: Any, lying_issuer: str) -> None:
    provider = provider_of(acme, lying_issuer)
    SsoProvider.objects.update(adds_members=True)
    with pytest.raises(SsoRefused, match="outside the portal"):
        change_policy(provider, {"default_role": "member"}, has_signed_in_by_it=True, by=acting(alice))


def test_a_provider_makes_nobody_an_owner(owner: Client, acme: Any, alice: Any, lying_issuer: str) -> None:
    provider = provider_of(acme, lying_issuer)
    assert owner.post(f"{PAGE}policy/", {"default_role": "owner"}).status_code == 400
    with pytest.raises(SsoRefused):
        change_policy(provider, {"default_role": "owner"}, has_signed_in_by_it=True, by=acting(alice))


def check(owner: Client) -> Any:
    """Go the whole way of Check; return the last page."""
    browser = SsoBrowser()
    browser.client = owner
    waiting = owner.post(f"{PAGE}check/")["Location"]
    from portal.accounts.sso import exchange

    exchange.configure(SsoProvider.objects.get().pk)
    page = owner.get(waiting)
    if page.headers.get("Refresh", "").startswith("0;"):
        browser.come_back(browser.go_to_provider(waiting))
        work()
        page = owner.get(waiting)
    return page


def test_check_goes_the_whole_way_and_names_the_wrong_part(owner: Client, acme: Any, lying_issuer: str) -> None:
    provider_of(acme, lying_issuer)
    assert code_on(check(owner)) == "sso_domain"
    verified_domain(acme)
    for lie, code in (
        ("", None), ("audience", "sso_audience"), ("invalid_client", "sso_client_refused"),
        ("discovery_issuer", "sso_discovery_issuer"), ("unverified", "sso_email_unverified"),
    ):  # fmt: skip
        tell(lying_issuer, lie)
        page = check(owner)
        assert (b"Single sign-on works" in page.content) if code is None else (code_on(page) == code), lie
    assert not LinkedIdentity.objects.exists()
    assert owner.get("/o/acme/").status_code == 200, "the owner is still signed in as before"


def test_entering_the_provider_again_confirms_nothing_that_was_written_outside(acme: Any, alice: Any) -> None:
    by, client = acting(alice), NewClient("https://login.example.com", "one", SECRET)
    row = set_provider(acme, client, by=by)
    SsoProvider.objects.update(adds_members=True, default_role="owner", requires_sso=True)
    with pytest.raises(SsoRefused, match="outside the portal"):
        set_provider(acme, NewClient(client.issuer, client.client_id, ""), by=by)
    set_provider(acme, client, by=by)
    row.refresh_from_db()
    assert clients.is_as_left(row)
    assert {name: getattr(row, name) for name in POLICY} == POLICY
    noted = Activity.objects.filter(organization=acme, action="organization.sso_set").latest("number")
    assert "was reset" in noted.text.detail


def test_an_owner_is_proposed_nothing_that_was_written_outside(owner: Client, acme: Any, lying_issuer: str) -> None:
    """They would enter the provider's secret, which a worker sends to whom the form names."""
    provider_of(acme, lying_issuer, adds_members=True)
    assert f'value="{lying_issuer}"' in owner.get(PAGE).content.decode()
    SsoProvider.objects.update(issuer="https://mallory.example", required_claim="mallory")
    page = owner.get(PAGE).content.decode()
    assert "changed outside the portal" in page
    assert "mallory" not in page


def test_entering_it_again_keeps_what_an_owner_has_set(acme: Any, alice: Any) -> None:
    by, client = acting(alice), NewClient("https://login.example.com", "one", SECRET)
    row = set_provider(acme, client, by=by)
    change_policy(row, {"adds_members": True, "required_claim": "groups"}, has_signed_in_by_it=False, by=by)
    set_provider(acme, NewClient("https://login.example.com", "two", SECRET), by=by)
    row.refresh_from_db()
    assert (row.adds_members, row.required_claim) == (True, "groups")


@pytest.mark.parametrize("is_altered", [False, True])
def test_an_issuer_that_somebody_wrote_opens_no_organization(acme: Any, alice: Any, is_altered: bool) -> None:
    """The owner enters the issuer as it was, which looks like another one."""
    by, client = acting(alice), NewClient("https://login.example.com", "one", SECRET)
    set_provider(acme, client, by=by)
    note_requirement(acme.pk, True, by=by)
    if is_altered:
        SsoProvider.objects.update(issuer="https://mallory.example")
    else:
        client = replace(client, issuer="https://other.example.com")
    set_provider(acme, client, by=by)
    assert is_required(acme.pk) is is_altered


@pytest.mark.parametrize("way", ["deactivated", "altered"])
def test_an_owner_who_can_not_sign_in_is_no_way_in(acme: Any, alice: Any, bob: Any, way: str) -> None:
    """Their second factor doesn't get anybody in when the provider is down."""
    row = set_provider(acme, NewClient("https://login.example.com", "one", SECRET), by=acting(alice))
    add_totp(alice)
    acme.memberships.filter(user=bob).update(role="owner")
    if way == "deactivated":
        change_person(User.objects.get(pk=alice.pk), {"is_active": False}, by=PORTAL)
    else:
        User.objects.filter(pk=alice.pk).update(address_proof="")
    with pytest.raises(SsoRefused, match="second factor"):
        change_policy(row, {"requires_sso": True}, has_signed_in_by_it=True, by=acting(bob))


def test_an_organization_has_few_domains(acme: Any, alice: Any) -> None:
    for number in range(MAX_DOMAINS):
        add_domain(acme, name=f"d{number}.example", by=acting(alice))
    for name in ("one-more.example", "d1.example", "none"):
        with pytest.raises(SsoRefused):
            add_domain(acme, name=name, by=acting(alice))


def test_who_is_no_owner_any_more_sets_nothing(acme: Any, alice: Any, bob: Any, lying_issuer: str) -> None:
    """Their request was admitted before another owner removed them: a provider of theirs would let them in for ever."""
    provider, domain = provider_of(acme, lying_issuer), verified_domain(acme)
    by = acting(bob)
    for act in (
        lambda: set_provider(acme, NewClient("https://mallory.example", "one", SECRET), by=by),
        lambda: change_policy(provider, {"adds_members": True}, has_signed_in_by_it=True, by=by),
        lambda: remove_provider(provider, by=by),
        lambda: add_domain(acme, name="mallory.example", by=by),
        lambda: remove_domain(domain, by=by),
    ):
        with pytest.raises(NoLongerOwner):
            act()
    assert SsoProvider.objects.get().issuer == lying_issuer
