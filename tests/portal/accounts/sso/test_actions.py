"""Whose word counts for which account."""

from __future__ import annotations

from typing import Any

import pytest

from portal.accounts.own_account import delete_account
from portal.accounts.sso import clients
from portal.accounts.sso.actions import disconnect
from portal.accounts.sso.providers import portal_provider
from portal.models import LinkedIdentity, Membership, SsoProvider, User
from portal.organizations.actions import remove
from tests.conftest import PASSWORD
from tests.support.actors import acting
from tests.support.identity_providers import SsoBrowser, code_on, provider_of, tell, verified_domain

pytestmark = pytest.mark.django_db


@pytest.fixture
def adding(acme: Any, lying_issuer: str) -> SsoProvider:
    """Acme's provider, which adds members."""
    verified_domain(acme)
    return provider_of(acme, lying_issuer, adds_members=True)


def account(email: str, *, proof: str = "mail", password: str | None = None, **fields: object) -> User:
    return User.objects.create_user(email, password, address_proof=proof, **fields)


def claimed(issuer: str, email: str, subject: str = "s-1") -> Any:
    """The page at the end of a sign-in of somebody with this address."""
    tell(issuer, "", email=email, sub=subject)
    return SsoBrowser(subject).sign_in("acme")


def test_an_account_without_any_other_way_is_connected(acme: Any, adding: SsoProvider, lying_issuer: str) -> None:
    person = account("dora@acme.example")
    acme.memberships.create(user=person, role="member")
    assert claimed(lying_issuer, "dora@acme.example").status_code == 302
    assert LinkedIdentity.objects.get().person == person
    assert acme.memberships.get(user=person).role == "member"


def test_an_account_of_another_organization_is_out_of_reach(
    adding: SsoProvider, lying_issuer: str, mallory: Any
) -> None:
    """Acme's provider says that it is somebody whom another organization has."""
    person = account("dora@acme.example")
    mallory.organizations.get().memberships.create(user=person, role="owner")
    assert code_on(claimed(lying_issuer, "dora@acme.example")) == "sso_other_account"
    with_password = account("emil@acme.example", password=PASSWORD)
    mallory.organizations.get().memberships.create(user=with_password, role="owner")
    assert claimed(lying_issuer, "emil@acme.example", "s-2")["Location"].endswith("/connect/")
    assert not LinkedIdentity.objects.exists()


@pytest.mark.parametrize("fields", [{"is_staff": True, "is_support": True}, {"is_staff": True, "is_superuser": True}])
def test_operators_and_support_never_come_by_an_organizations_provider(
    adding: SsoProvider, lying_issuer: str, fields: Any
) -> None:
    account("sven@acme.example", **fields)
    assert code_on(claimed(lying_issuer, "sven@acme.example")) == "sso_staff"


def test_who_becomes_an_operator_no_longer_comes_by_it(
    acme: Any, adding: SsoProvider, lying_issuer: str, olga: Any
) -> None:
    from portal.accounts.actions import change_person

    assert claimed(lying_issuer, "dora@acme.example").status_code == 302
    dora = User.objects.get(email="dora@acme.example")
    change_person(dora, {"is_staff": True, "is_support": True}, by=acting(olga))
    assert code_on(claimed(lying_issuer, "dora@acme.example")) == "sso_staff"


def test_an_account_that_somebody_else_made_ends_when_the_person_comes(
    acme: Any, adding: SsoProvider, lying_issuer: str
) -> None:
    """Whoever invites could open the link himself and choose a password."""
    person = account("dora@acme.example", proof="", password=PASSWORD)
    acme.memberships.create(user=person, role="viewer")
    assert claimed(lying_issuer, "dora@acme.example").status_code == 302
    person.refresh_from_db()
    assert (person.address_proof, person.has_usable_password()) == ("sso", False)


def test_a_deactivated_or_altered_account_stays_closed(adding: SsoProvider, lying_issuer: str) -> None:
    account("dora@acme.example", is_active=False)
    assert code_on(claimed(lying_issuer, "dora@acme.example")) == "sso_account"
    account("emil@acme.example")
    User.objects.filter(email="emil@acme.example").update(is_superuser=True)
    assert code_on(claimed(lying_issuer, "emil@acme.example")) == "sso_account"


def test_an_identity_is_the_subject_and_not_the_address(acme: Any, adding: SsoProvider, lying_issuer: str) -> None:
    """A provider gives an address to another person, who gets no access to the account of the one before."""
    assert claimed(lying_issuer, "dora@acme.example").status_code == 302
    response = claimed(lying_issuer, "dora@acme.example", "s-2")
    assert code_on(response) == "sso_account"
    assert LinkedIdentity.objects.get().subject == "s-1"
    tell(lying_issuer, "", email="dora.new@acme.example")
    assert SsoBrowser().sign_in("acme").status_code == 302, "who has another address is the same person"


def test_somebody_who_writes_to_the_database_links_his_identity_to_nobody(
    acme: Any, adding: SsoProvider, lying_issuer: str, alice: Any
) -> None:
    assert claimed(lying_issuer, "dora@acme.example").status_code == 302
    LinkedIdentity.objects.update(person=alice)
    assert code_on(claimed(lying_issuer, "dora@acme.example")) == "sso_identity_altered"
    LinkedIdentity.objects.all().delete()
    LinkedIdentity.objects.create(provider=adding, person=alice, subject="s-1", mark="x" * 43)
    assert code_on(claimed(lying_issuer, "dora@acme.example")) == "sso_identity_altered"


def test_an_owner_who_removed_somebody_is_not_overruled(acme: Any, adding: SsoProvider, lying_issuer: str) -> None:
    assert claimed(lying_issuer, "dora@acme.example").status_code == 302
    Membership.objects.filter(user__email="dora@acme.example").delete()
    assert code_on(claimed(lying_issuer, "dora@acme.example")) == "sso_not_member"


def test_who_was_removed_does_not_come_back_by_disconnecting_or_deleting_their_account(
    acme: Any, adding: SsoProvider, lying_issuer: str, alice: Any
) -> None:
    assert claimed(lying_issuer, "dora@acme.example").status_code == 302
    identity = LinkedIdentity.objects.get()
    remove(acme.memberships.get(user=identity.person), by=acting(alice))
    disconnect(identity, by=acting(identity.person))
    assert code_on(claimed(lying_issuer, "dora@acme.example")) == "sso_not_member"
    delete_account(identity.person, by=acting(identity.person))
    assert code_on(claimed(lying_issuer, "dora@acme.example")) == "sso_not_member"
    assert not acme.memberships.filter(user__email="dora@acme.example").exists()


def test_who_was_removed_does_not_come_back_by_connecting(
    acme: Any, adding: SsoProvider, lying_issuer: str, alice: Any, bob: Any
) -> None:
    remove(acme.memberships.get(user=bob), by=acting(alice))
    tell(lying_issuer, "", email=bob.email)
    browser = SsoBrowser()
    connect = browser.sign_in("acme")["Location"]
    browser.client.post("/accounts/login/", {"login": bob.email, "password": PASSWORD})
    assert code_on(browser.client.post(connect)) == "sso_not_member"
    assert not acme.memberships.filter(user=bob).exists()


def test_nobody_joins_a_suspended_organization(acme: Any, adding: SsoProvider, lying_issuer: str) -> None:
    from django.utils import timezone

    from groups.models import Quota

    Quota.objects.filter(organization=acme).update(suspended_at=timezone.now())
    assert code_on(claimed(lying_issuer, "dora@acme.example")) == "sso_organization_suspended"
    assert not User.objects.filter(email="dora@acme.example").exists(), "nothing is left half done"


def test_only_an_account_with_the_same_address_is_connected(adding: SsoProvider, lying_issuer: str, bob: Any) -> None:
    account("emil@acme.example", password=PASSWORD)
    tell(lying_issuer, "", email="emil@acme.example")
    browser = SsoBrowser()
    connect = browser.sign_in("acme")["Location"]
    browser.client.post("/accounts/login/", {"login": "bob@acme.example", "password": PASSWORD})
    assert b"Only accounts with the same address" in browser.client.get(connect).content
    assert code_on(browser.client.post(connect)) == "sso_other_account"
    assert not LinkedIdentity.objects.exists()


def test_who_disconnects_is_asked_again(acme: Any, adding: SsoProvider, lying_issuer: str) -> None:
    assert claimed(lying_issuer, "dora@acme.example").status_code == 302
    identity = LinkedIdentity.objects.get()
    assert disconnect(identity, by=acting(identity.person))
    assert not disconnect(identity, by=acting(identity.person))
    assert claimed(lying_issuer, "dora@acme.example").status_code == 302
    assert LinkedIdentity.objects.get().pk != identity.pk


def test_what_somebody_writes_into_the_portals_provider_is_not_vouched_for(portal_sso: str, acme: Any) -> None:
    """The portal marks this row again by itself when the environment names another issuer."""
    SsoProvider.objects.filter(organization=None).update(organization=acme, adds_members=True, default_role="owner")
    row = portal_provider()
    assert row is not None
    row.refresh_from_db()
    assert (row.organization, row.adds_members, row.default_role) == (None, False, "viewer")
    assert clients.is_as_left(row)
