"""An account that an operator has deactivated gets nothing: no membership, no role, no right and no password."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.test import Client

from portal.accounts import password_links
from portal.accounts.actions import change_person
from portal.accounts.reset_tokens import ResetTokens
from portal.models import AddressProof, Invitation, PasswordReset, Role, User
from portal.organizations import actions
from portal.organizations.errors import AccountDeactivated, LastOwner
from portal.organizations.invitations import accept, accept_and_prove, accept_by_sso, invite
from registries.foundation.actor import CONSOLE, Actor, ActorKind
from tests.support import password_mails
from tests.support.actors import acting

HERS = "only nina knows this one"
SOMEBODY = Actor(kind=ActorKind.ANONYMOUS, name="somebody", address="192.0.2.7", request_id="b" * 32)


@pytest.fixture
def gone(db: None) -> User:
    """Nina, whose address is proven and whom an operator has deactivated."""
    nina = User.objects.create_user("nina@acme.example", HERS, address_proof=AddressProof.MAIL)
    change_person(nina, {"is_active": False}, by=CONSOLE)
    nina.refresh_from_db()
    return nina


@pytest.fixture
def unproven(db: None) -> User:
    """Una, whose address nobody has proven, deactivated as well."""
    una = User.objects.create_user("una@acme.example", HERS)
    change_person(una, {"is_active": False}, by=CONSOLE)
    return User.objects.get(pk=una.pk)


def invited(acme: Any, alice: User, person: User) -> tuple[Invitation, str]:
    return invite(acme, email=person.email, role="owner", proof=AddressProof.MAIL, by=acting(alice))


def test_the_mailed_link_of_an_invitation(acme: Any, alice: User, unproven: User) -> None:
    row, token = invited(acme, alice, unproven)
    before = unproven.password
    browser = Client()
    browser.get(f"/invitations/{token}/")
    page = browser.post("/invitations/accept/", {"password": "one that una would know"}, follow=True)
    assert "An operator has deactivated the account una@acme.example" in page.text
    with pytest.raises(AccountDeactivated):
        accept_and_prove(row, "one that una would know", by=SOMEBODY)
    unproven.refresh_from_db()
    assert (unproven.password, unproven.address_proof, unproven.memberships.count()) == (before, "", 0)
    assert Invitation.objects.open().filter(pk=row.pk).exists(), "it works if the account is activated"


def test_an_invitation_accepted_by_the_person_or_by_single_sign_on(acme: Any, alice: User, gone: User) -> None:
    row, _ = invited(acme, alice, gone)
    with pytest.raises(AccountDeactivated):
        accept(row, by=acting(gone))
    with pytest.raises(AccountDeactivated):
        accept_by_sso(row, gone, by=SOMEBODY)
    assert not gone.memberships.exists()


def test_what_an_operator_gives(acme: Any, gone: User) -> None:
    with pytest.raises(AccountDeactivated):
        actions.add_member(acme, gone, role="viewer", by=CONSOLE)
    with pytest.raises(AccountDeactivated):
        actions.create_organization(slug="initech", name="Initech", owner=gone, by=CONSOLE)
    for right in ("is_staff", "is_support", "is_superuser"):
        with pytest.raises(AccountDeactivated):
            change_person(gone, {right: True}, by=CONSOLE)
    assert change_person(gone, {"is_active": True, "is_staff": True, "is_support": True}, by=CONSOLE)


def test_an_operator_can_be_deactivated_and_renamed(olga: User) -> None:
    assert change_person(olga, {"is_active": False}, by=CONSOLE)
    assert change_person(olga, {"first_name": "Olga"}, by=CONSOLE)
    assert change_person(olga, {"is_superuser": False, "is_staff": False}, by=CONSOLE)


def test_a_higher_role_and_a_lower_one(acme: Any, alice: User, bob: User) -> None:
    change_person(bob, {"is_active": False}, by=CONSOLE)
    membership = acme.memberships.get(user=bob)
    with pytest.raises(AccountDeactivated):
        actions.change_role(membership, Role.OWNER, by=acting(alice))
    assert actions.change_role(membership, Role.VIEWER, by=acting(alice)) is not None


def test_a_deactivated_owner_is_not_the_other_owner(acme: Any, alice: User, bob: User) -> None:
    actions.change_role(acme.memberships.get(user=bob), Role.OWNER, by=acting(alice))
    change_person(bob, {"is_active": False}, by=CONSOLE)
    with pytest.raises(LastOwner):
        actions.leave(acme.memberships.get(user=alice), by=acting(alice))


def test_links_that_set_a_password(bob: User) -> None:
    token = ResetTokens().make_token(bob)
    change_person(bob, {"is_active": False}, by=CONSOLE)
    bob.refresh_from_db()
    assert not PasswordReset.objects.filter(person=bob).exists()
    with pytest.raises(AccountDeactivated):
        password_links.issue_link(bob, by=CONSOLE)
    late = ResetTokens().make_token(bob)
    for each in (token, late):
        assert not ResetTokens().check_token(bob, each)
    password_mails.ask_for_link(bob.email)
    assert mail.outbox == []
