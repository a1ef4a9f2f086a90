"""Who is in an organization: roles, removing, leaving. The last owner stays."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.models import Membership, Role, User
from portal.organizations import actions, errors
from registries.foundation.actor import CONSOLE
from tests.support.activity import recorded
from tests.support.concurrency import at_once
from tests.support.invitations import GOOD, MEMBERS, NINA, invite


def pk_of(person: Any) -> int:
    return Membership.objects.get(user=person).pk


class TestRoles:
    def test_an_owner_changes_roles(self, owner: Client, bob: Any) -> None:
        owner.post(f"{MEMBERS}{pk_of(bob)}/role/", {"role": "viewer"})

        assert Membership.objects.get(user=bob).role == "viewer"

    def test_the_last_owner_stays(self, owner: Client, alice: Any, bob: Any) -> None:
        own = f"{MEMBERS}{pk_of(alice)}"
        for address, sent in ((f"{own}/role/", {"role": "member"}), (f"{own}/remove/", {}), (f"{MEMBERS}leave/", {})):
            answer = owner.post(address, sent, follow=True)
            assert "needs an owner" in answer.text
            assert Membership.objects.get(user=alice).role == "owner"

        owner.post(f"{MEMBERS}{pk_of(bob)}/role/", {"role": "owner"})
        assert owner.post(f"{MEMBERS}leave/", follow=True).status_code == 200
        assert not Membership.objects.filter(user=alice).exists()

    def test_whoever_is_removed_is_out_at_once(self, owner: Client, bob: Any, as_user: Any) -> None:
        browser = as_user(bob)
        owner.post(f"{MEMBERS}{pk_of(bob)}/remove/")

        assert browser.get(MEMBERS)["Location"].startswith("/accounts/login/")
        bob.refresh_from_db()
        assert as_user(bob).get(MEMBERS).status_code == 404

    def test_a_role_that_is_none(self, owner: Client, bob: Any) -> None:
        owner.post(f"{MEMBERS}{pk_of(bob)}/role/", {"role": "god"})

        assert Membership.objects.get(user=bob).role == "member"

    def test_members_see_the_team_and_decide_nothing(self, bob: Any, as_user: Any) -> None:
        page = as_user(bob).get(MEMBERS).text

        assert "alice@acme.example" in page
        assert "/remove/" not in page
        assert "/invite/" not in page


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_go_at_once_leave_one(acme: Any, alice: Any, bob: Any) -> None:
    Membership.objects.filter(user=bob).update(role=Role.OWNER)
    rows = list(acme.memberships.filter(role=Role.OWNER))

    done = at_once(*(partial(actions.remove, row, by=CONSOLE) for row in rows))

    refused = [each for each in done if isinstance(each, errors.LastOwner)]
    assert acme.memberships.filter(role=Role.OWNER).count() == 1
    assert len(refused) == 1


def test_it_is_all_written_down(owner: Client, bob: Any, as_user: Any) -> None:
    path = invite(owner)
    Client().post(path, {"password": GOOD})
    owner.post(f"{MEMBERS}{pk_of(bob)}/role/", {"role": "viewer"})
    bob.refresh_from_db()  # all his sessions have ended
    as_user(bob).post(f"{MEMBERS}leave/")

    found = recorded(action__startswith="team.")
    assert found == [
        ("alice@acme.example", "team.invited", NINA, "as member"),
        (NINA, "team.joined", "member", ""),
        ("alice@acme.example", "team.role_changed", bob.email, "member → viewer"),
        (bob.email, "team.left", "", "was viewer"),
    ]


def test_the_team_costs_the_same_with_more_people(owner: Client, acme: Any) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert owner.get(MEMBERS).status_code == 200
        return len(queries)

    def grow(number: int) -> None:
        acme.memberships.create(user=User.objects.create_user(f"person-{number}@acme.example"), role="viewer")
        owner.post(f"{MEMBERS}invite/", {"email": f"guest-{number}@acme.example", "role": "viewer"})

    grow(0)
    few = cost()
    for number in range(1, 5):
        grow(number)
    assert cost() == few
