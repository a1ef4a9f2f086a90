"""Whether somebody was removed by an owner, whom an identity provider doesn't overrule."""

from __future__ import annotations

from typing import Any

from portal.accounts.own_account import delete_account
from portal.models import User
from portal.organizations.actions import add_member, leave, remove
from portal.organizations.removals import was_removed
from registries.foundation.activity import Target, record
from registries.foundation.actor import PORTAL
from tests.support.actors import acting


def test_by_an_owner(acme: Any, alice: Any, bob: Any, carol: Any, mallory: Any) -> None:
    remove(acme.memberships.get(user=bob), by=acting(alice))
    assert was_removed(bob, acme.pk)
    assert not was_removed(bob, mallory.organizations.get().pk)
    assert not was_removed(carol, acme.pk)


def test_by_themselves_or_by_their_provider(acme: Any, bob: Any, carol: Any) -> None:
    leave(acme.memberships.get(user=bob), by=acting(bob))
    record(PORTAL, "team.removed", Target("member", carol.pk, carol.email), organization_id=acme.pk)
    assert not was_removed(bob, acme.pk)
    assert not was_removed(carol, acme.pk)


def test_who_was_taken_back_is_removed_no_longer(acme: Any, alice: Any, bob: Any) -> None:
    remove(acme.memberships.get(user=bob), by=acting(alice))
    add_member(acme, bob, role="viewer", by=acting(alice))
    assert not was_removed(bob, acme.pk)


def test_another_account_with_the_same_address_is_the_same_person(acme: Any, alice: Any, bob: Any) -> None:
    remove(acme.memberships.get(user=bob), by=acting(alice))
    delete_account(User.objects.get(pk=bob.pk), by=acting(bob))
    again = User.objects.create_user(bob.email)
    assert was_removed(again, acme.pk)
