"""What ends with somebody's role: their API keys and the invitations they made, and nobody else's."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.test import Client

from portal.accounts.actions import change_person
from portal.models import ApiKey, Invitation, User
from portal.organizations.actions import change_role, leave, remove
from portal.organizations.api_keys import create_key, find_live_key, revoke, rotate, take_over
from portal.organizations.errors import NoLongerOwner
from portal.organizations.holdings import Ended, end_holdings, holdings_of
from portal.organizations.invitations import InvitationOver, accept, invite
from registries.foundation.actor import CONSOLE
from tests.support.activity import recorded
from tests.support.actors import acting
from tests.support.concurrency import at_once
from tests.support.owned_keys import TWO, Texts, anna, texts, working

__all__ = ["anna", "texts"]


def invited() -> set[str]:
    return set(Invitation.objects.open().values_list("email", flat=True))


def test_what_somebody_holds(acme: Any, anna: User, bob: Any, texts: Texts, mallory: Any) -> None:
    umbrella = mallory.organizations.get()
    umbrella.memberships.create(user=anna, role="owner")
    create_key(organization_id=umbrella.pk, name="elsewhere", scope="read", by=acting(anna))
    ended, _ = create_key(organization_id=acme.pk, name="ended", scope="read", by=acting(anna))
    revoke(ended, by=CONSOLE)

    held = holdings_of(anna.pk, acme.pk)

    assert {key.name for key in held.keys} == set(TWO)
    assert [row.email for row in held.invitations] == ["nina@acme.example"]
    assert held
    assert not holdings_of(bob.pk, acme.pk)


@pytest.mark.parametrize("how", ["removed", "left", "member", "viewer"])
def test_all_of_it_ends_with_the_role(acme: Any, anna: User, alice: Any, texts: Texts, how: str) -> None:
    membership = acme.memberships.get(user=anna)
    match how:
        case "removed":
            ended = remove(membership, by=acting(alice))
        case "left":
            ended = leave(membership, by=acting(anna))
        case _:
            ended = change_role(membership, how, by=acting(alice))

    assert ended is not None
    assert ended.in_words == "2 API keys and 1 invitation ended"
    assert {key.name for key in ended.keys} == set(TWO)
    assert working(texts) == {"own"}
    assert invited() == {"noor@acme.example"}
    assert not holdings_of(anna.pk, acme.pk)
    actions = [row[1:3] for row in recorded(organization=acme)][-4:]
    assert sorted(actions[:3]) == [
        ("key.revoked", "ci"), ("key.revoked", "deploy"), ("team.withdrawn", "nina@acme.example"),
    ]  # fmt: skip


def test_an_invitation_to_somebody_who_is_removed_ends(acme: Any, alice: Any, mallory: Any) -> None:
    """They came in another way before they answered it, and would be back with it, as an owner."""
    invitation, _ = invite(acme, email="dora@acme.example", role="owner", by=acting(alice))
    others, _ = invite(mallory.organizations.get(), email="dora@acme.example", role="viewer", by=acting(mallory))
    dora = User.objects.create_user("dora@acme.example", address_proof="sso")
    membership = acme.memberships.create(user=dora, role="viewer")

    ended = remove(membership, by=acting(alice))

    assert ended is not None
    assert ended.invitations == [invitation]
    with pytest.raises(InvitationOver):
        accept(invitation, by=acting(dora))
    assert not acme.memberships.filter(user=dora).exists()
    assert accept(others, by=acting(dora)).role == "viewer", "what another organization offered is not touched"


def test_a_key_is_handed_over_where_that_was_chosen(acme: Any, anna: User, alice: Any, texts: Texts) -> None:
    kept = ApiKey.objects.get(name="ci")
    others = ApiKey.objects.get(name="own")

    ended = remove(acme.memberships.get(user=anna), keep=[kept.pk, others.pk], by=acting(alice))

    assert ended is not None
    assert ended.in_words == "1 API key and 1 invitation ended, 1 API key handed over"
    assert working(texts) == {"own", "ci"}
    assert ApiKey.objects.get(name="ci").owner == alice
    assert ("alice@acme.example", "key.handed_over", "ci", "alice@acme.example") in recorded(organization=acme)


def test_operators_take_over_no_keys(acme: Any, anna: User, olga: Any, texts: Texts) -> None:
    remove(acme.memberships.get(user=anna), keep=list(ApiKey.objects.values_list("pk", flat=True)), by=CONSOLE)

    assert working(texts) == {"own"}
    assert ApiKey.objects.get(name="ci").owner == anna


def test_a_key_that_was_altered_is_handed_to_nobody(acme: Any, anna: User, alice: Any, texts: Texts) -> None:
    key = ApiKey.objects.get(name="ci")
    ApiKey.objects.filter(pk=key.pk).update(scope="write")

    ended = end_holdings(anna.pk, acme.pk, keep=[key.pk], new_owner=alice)

    assert {row.name for row in ended.keys} == set(TWO)
    assert ended.handed_over == []


def test_what_ended_in_words() -> None:
    assert Ended().in_words == ""
    assert Ended(handed_over=[ApiKey(), ApiKey()]).in_words == "2 API keys handed over"
    assert Ended(invitations=[Invitation(), Invitation()]).in_words == "2 invitations ended"


class TestWhoeverIsRemovedAtTheSameTime:
    """Their request was admitted before they were removed: it waits for the organization's lock, and is refused."""

    def test_creates_no_key(self, acme: Any, anna: User) -> None:
        acme.memberships.filter(user=anna).update(role="member")
        with pytest.raises(NoLongerOwner):
            create_key(organization_id=acme.pk, name="late", scope="write", by=acting(anna))
        assert not ApiKey.objects.exists()

    def test_gets_no_key_by_another_way(self, acme: Any, anna: User, texts: Texts) -> None:
        acme.memberships.filter(user=anna).delete()
        for key in ApiKey.objects.all():
            with pytest.raises(NoLongerOwner):
                rotate(key, by=acting(anna))
            with pytest.raises(NoLongerOwner):
                take_over(key, by=acting(anna))
        assert working(texts) == {"own"}

    def test_changes_no_team(self, acme: Any, anna: User, bob: Any) -> None:
        acme.memberships.filter(user=anna).update(role="member")
        row = acme.memberships.get(user=bob)
        with pytest.raises(NoLongerOwner):
            invite(acme, email="late@acme.example", role="owner", by=acting(anna))
        with pytest.raises(NoLongerOwner):
            remove(row, by=acting(anna))
        with pytest.raises(NoLongerOwner):
            change_role(row, "owner", by=acting(anna))
        assert acme.memberships.get(user=bob).role == "member"
        assert not invited()


def test_deactivating_ends_it_in_every_organization(
    acme: Any, anna: User, alice: Any, olga: Any, texts: Texts, mallory: Any
) -> None:
    umbrella = mallory.organizations.get()
    umbrella.memberships.create(user=anna, role="owner")
    texts["elsewhere"] = create_key(organization_id=umbrella.pk, name="x", scope="read", by=acting(anna))[1]

    change_person(anna, {"is_active": False}, by=acting(olga))
    assert working(texts) == {"own"}
    assert invited() == {"noor@acme.example"}
    assert recorded(organization=umbrella)[-1][1:] == ("account.deactivated", anna.email, "1 API key ended")

    change_person(anna, {"is_active": True}, by=acting(olga))
    assert working(texts) == {"own"}
    assert invited() == {"noor@acme.example"}


@pytest.mark.django_db(transaction=True)
def test_a_call_at_the_same_time_as_the_removal(acme: Any, anna: User, alice: Any, texts: Texts) -> None:
    """Whichever is first: once the removal is done, no call is admitted and no key is left."""
    membership = acme.memberships.get(user=anna)
    row = ApiKey.objects.get(name="ci")

    at_once(
        partial(find_live_key, texts["ci"]),
        partial(remove, membership, by=acting(alice)),
        partial(rotate, row, by=acting(anna)),
        partial(create_key, organization_id=acme.pk, name="late", scope="write", by=acting(anna)),
    )

    assert working(texts) == {"own"}
    assert not ApiKey.objects.live().filter(owner=anna).exists()


class TestInTheAdmin:
    def test_what_ends_is_shown(self, operator: Client, acme: Any, anna: User, texts: Texts) -> None:
        for page in (f"/admin/portal/user/{anna.pk}/change/", f"/admin/portal/organization/{acme.pk}/change/"):
            shown = operator.get(page).text
            key = ApiKey.objects.get(name="ci")
            assert f"API key ci ({key.prefix}…), never used" in shown
            assert "invitation of nina@acme.example as owner" in shown
