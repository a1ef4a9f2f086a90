"""Invitations: how long and how many, who may accept, and that only what was meant ends."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from portal.models import Invitation, Membership, Organization, User
from portal.organizations.errors import TeamRefused
from portal.organizations.invitations import InvitationOver, accept, accept_as_new, invite, withdraw
from registries.foundation.actor import CONSOLE, Actor, ActorKind
from tests.support.activity import recorded
from tests.support.actors import acting
from tests.support.row_locks import row_locks

NINA = "nina@acme.example"
GOOD = "a long and good sentence"
SOMEBODY = Actor(kind=ActorKind.ANONYMOUS, name="somebody", address="192.0.2.7", request_id="b" * 32)


@pytest.fixture
def umbrella(mallory: Any) -> Organization:
    organization: Organization = mallory.organizations.get()
    return organization


def ago(**time: float) -> datetime:
    return timezone.now() - timedelta(**time)


def add(organization: Organization, count: int, **columns: Any) -> None:
    """Invitations that were sent before, each to another address."""
    start = Invitation.objects.count()
    rows = [
        Invitation(
            organization=organization, email=f"guest-{number}@acme.example", token_hash=f"{number:064x}",
            expires_at=ago(days=-7),
        )
        for number in range(start, start + count)
    ]  # fmt: skip
    made = Invitation.objects.bulk_create(rows)
    Invitation.objects.filter(pk__in=[row.pk for row in made]).update(**columns)


def test_fifty_a_day(acme: Any, umbrella: Organization) -> None:
    """Beside an organization that has sent its fifty."""
    add(umbrella, 50, created_at=ago(seconds=10))
    add(acme, 30, created_at=ago(days=1, seconds=1))
    add(acme, 48, created_at=ago(days=1, seconds=-30))
    add(acme, 1, created_at=ago(seconds=5), withdrawn_at=ago(seconds=4))
    invite(acme, email=NINA, role="viewer", by=CONSOLE)

    for organization in (acme, umbrella):
        with pytest.raises(TeamRefused, match="50 invitations were sent within a day"):
            invite(organization, email="one@more.example", role="viewer", by=CONSOLE)
    assert not Invitation.objects.filter(email="one@more.example").exists()

    Invitation.objects.filter(email=NINA).update(created_at=ago(days=1, seconds=1))
    invite(acme, email="one@more.example", role="viewer", by=CONSOLE)


def test_what_is_written(acme: Any, alice: Any) -> None:
    row, token = invite(acme, email=f" {NINA.upper()}", role="owner", by=acting(alice))

    row.refresh_from_db()
    assert (row.organization, row.email, row.role, row.invited_by) == (acme, NINA, "owner", alice)
    assert (row.accepted_at, row.accepted_by, row.withdrawn_at) == (None, None, None)
    assert timedelta(days=7, seconds=-10) < row.expires_at - timezone.now() <= timedelta(days=7)
    assert token.startswith("dri_")


def test_an_invitation_replaces_open_ones_to_the_same_address_in_the_same_organization(
    acme: Any, umbrella: Organization
) -> None:
    first = invite(acme, email=NINA, role="member", by=CONSOLE)[0]
    expired = invite(acme, email=NINA, role="member", by=CONSOLE)[0]
    Invitation.objects.filter(pk=expired.pk).update(expires_at=ago(seconds=1))
    Invitation.objects.filter(pk=first.pk).update(withdrawn_at=None, accepted_at=ago(days=2))
    opened = invite(acme, email=NINA, role="member", by=CONSOLE)[0]
    kept = [
        invite(acme, email="bob@acme.example", role="member", by=CONSOLE)[0],
        invite(umbrella, email=NINA, role="member", by=CONSOLE)[0],
    ]

    newest = invite(acme, email=NINA, role="member", by=CONSOLE)[0]

    withdrawn = set(Invitation.objects.filter(withdrawn_at__isnull=False).values_list("pk", flat=True))
    assert withdrawn == {opened.pk}
    assert set(Invitation.objects.open()) == {newest, *kept}


def test_a_member_is_not_invited_but_one_of_another_organization_is(acme: Any, bob: Any, mallory: Any) -> None:
    with pytest.raises(TeamRefused, match="is a member already") as refused:
        invite(acme, email=" BOB@acme.example", role="owner", by=CONSOLE)
    assert (refused.value.code, refused.value.field) == ("team_refused", "email")

    assert invite(acme, email=mallory.email, role="viewer", by=CONSOLE)[0].email == mallory.email


def test_withdrawing_ends_this_one_only_and_only_once(acme: Any, alice: Any) -> None:
    row, _ = invite(acme, email=NINA, role="member", by=CONSOLE)
    other, _ = invite(acme, email="x@y.example", role="member", by=CONSOLE)

    assert withdraw(row, by=acting(alice))
    assert not withdraw(row, by=acting(alice))
    Invitation.objects.filter(pk=other.pk).update(expires_at=ago(seconds=1))
    assert not withdraw(other, by=acting(alice)), "it has expired"

    assert [row[:3] for row in recorded(action="team.withdrawn")] == [(alice.email, "team.withdrawn", NINA)]
    other.refresh_from_db()
    assert other.withdrawn_at is None


@pytest.mark.parametrize("role", ["viewer", "member", "owner"])
def test_whoever_accepts_gets_the_role_of_the_invitation_once(acme: Any, mallory: Any, role: str) -> None:
    row, _ = invite(acme, email=mallory.email, role=role, by=CONSOLE)
    other, _ = invite(acme, email=NINA, role="viewer", by=CONSOLE)

    membership = accept(row, by=acting(mallory))

    row.refresh_from_db()
    other.refresh_from_db()
    assert (membership.organization, membership.user, membership.role) == (acme, mallory, role)
    assert row.accepted_by == mallory
    assert row.accepted_at is not None
    assert other.accepted_at is None
    assert [row[:3] for row in recorded(action="team.joined")] == [(mallory.email, "team.joined", role)]
    membership.delete()
    with pytest.raises(InvitationOver, match="used or withdrawn"):
        accept(row, by=acting(mallory))
    assert not acme.memberships.filter(user=mallory).exists()


@pytest.mark.parametrize("change", [
    {"withdrawn_at": ago(seconds=1)},
    {"accepted_at": ago(seconds=1)},
    {"expires_at": ago(seconds=1)},
])  # fmt: skip
def test_one_that_is_over_lets_nobody_in(acme: Any, mallory: Any, change: dict[str, Any]) -> None:
    """At the action itself, whatever the page saw before."""
    theirs, _ = invite(acme, email=mallory.email, role="owner", by=CONSOLE)
    ninas, _ = invite(acme, email=NINA, role="owner", by=CONSOLE)
    Invitation.objects.update(**change)
    before = list(Invitation.objects.order_by("pk").values())

    with pytest.raises(InvitationOver):
        accept(theirs, by=acting(mallory))
    with pytest.raises(InvitationOver):
        accept_as_new(ninas, GOOD, by=SOMEBODY)

    assert not User.objects.filter(email=NINA).exists()
    assert acme.memberships.count() == 1
    assert list(Invitation.objects.order_by("pk").values()) == before


def test_just_before_it_expires_it_is_accepted(acme: Any, mallory: Any) -> None:
    row, _ = invite(acme, email=mallory.email, role="viewer", by=CONSOLE)
    Invitation.objects.update(expires_at=ago(seconds=-30))

    assert accept(row, by=acting(mallory)).role == "viewer"


def test_nobody_else_accepts(acme: Any, mallory: Any, bob: Any) -> None:
    row, _ = invite(acme, email=mallory.email, role="owner", by=CONSOLE)

    for actor in (acting(bob), CONSOLE, SOMEBODY, Actor(kind=ActorKind.API_KEY, id=str(mallory.pk), name="ci")):
        with pytest.raises(InvitationOver, match=f"This invitation is for {mallory.email}") as refused:
            accept(row, by=actor)
        assert refused.value.code == "invitation_over"

    assert Invitation.objects.open().contains(row)
    assert acme.memberships.get(user=bob).role == "member"


def test_an_address_with_an_account_makes_no_other(acme: Any, mallory: Any) -> None:
    row, _ = invite(acme, email=mallory.email, role="owner", by=CONSOLE)
    before = User.objects.get(pk=mallory.pk).password

    with pytest.raises(InvitationOver, match="An account with this address was created since"):
        accept_as_new(row, GOOD, by=SOMEBODY)

    assert Invitation.objects.open().contains(row)
    assert User.objects.get(pk=mallory.pk).password == before
    assert not acme.memberships.filter(user=mallory).exists()


def test_a_new_person_acts_under_their_own_name(acme: Any) -> None:
    row, _ = invite(acme, email=NINA, role="viewer", by=CONSOLE)

    person = accept_as_new(row, GOOD, by=SOMEBODY)

    assert (person.email, person.is_staff, person.is_superuser, person.is_support) == (NINA, False, False, False)
    assert person.check_password(GOOD)
    assert Membership.objects.get(user=person).role == "viewer"
    row.refresh_from_db()
    assert row.accepted_by == person
    joined = acme.activities.get(action="team.joined")
    assert (joined.actor_kind, joined.actor_key, joined.request_id) == ("person", str(person.pk), "b" * 32)
    assert (joined.text.actor_name, joined.text.client_address) == (NINA, "192.0.2.7")


def test_the_organization_is_locked_before_anything_is_counted(acme: Any, mallory: Any) -> None:
    with row_locks() as inviting:
        row, _ = invite(acme, email=mallory.email, role="viewer", by=CONSOLE)
    with row_locks() as accepting:
        accept(row, by=acting(mallory))
    row, _ = invite(acme, email=NINA, role="viewer", by=CONSOLE)
    with row_locks() as joining:
        accept_as_new(row, GOOD, by=SOMEBODY)

    assert inviting == ["groups_quota", "portal_invitation", "portal_activityhead"]
    assert accepting == joining == ["groups_quota", "portal_activityhead"]
