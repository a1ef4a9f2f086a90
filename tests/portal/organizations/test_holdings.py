"""What ends with somebody's role: their API keys and the invitations they made, and nobody else's."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from portal.accounts.actions import change_person
from portal.models import ApiKey, Invitation, User
from portal.organizations.actions import change_role, leave, remove
from portal.organizations.api_keys import KeyRefused, create_key, find_live_key, revoke, rotate, take_over
from portal.organizations.errors import NoLongerOwner
from portal.organizations.holdings import Ended, end_holdings, holdings_of
from portal.organizations.invitations import InvitationOver, accept, invite
from registries.foundation.actor import CONSOLE
from tests.support.activity import recorded
from tests.support.actors import acting
from tests.support.concurrency import at_once

Texts = dict[str, str]


@pytest.fixture
def anna(acme: Any) -> User:
    """Another owner of Acme, who holds the keys `ci` and `deploy`, and invited nina."""
    person = User.objects.create_user("anna@acme.example")
    acme.memberships.create(user=person, role="owner")
    return person


@pytest.fixture
def texts(acme: Any, anna: User, alice: Any) -> Texts:
    """The texts of anna's keys, and of alice's `own`."""
    made = {name: create_key(organization_id=acme.pk, name=name, scope="read", by=acting(anna)) for name in TWO}
    made["own"] = create_key(organization_id=acme.pk, name="own", scope="read", by=acting(alice))
    invite(acme, email="nina@acme.example", role="owner", by=acting(anna))
    invite(acme, email="noor@acme.example", role="viewer", by=acting(alice))
    return {name: text for name, (_, text) in made.items()}


TWO = ("ci", "deploy")


def working(texts: Texts) -> set[str]:
    return {name for name, text in texts.items() if find_live_key(text) is not None}


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


class TestAtUse:
    """A key is as much as its owner may: whatever way they lost the role, also without an action."""

    @pytest.mark.parametrize("role", ["member", "viewer"])
    def test_a_role_that_is_too_low(self, acme: Any, anna: User, texts: Texts, role: str) -> None:
        acme.memberships.filter(user=anna).update(role=role)
        assert working(texts) == {"own"}

    def test_no_member(self, acme: Any, anna: User, texts: Texts) -> None:
        acme.memberships.filter(user=anna).delete()
        assert working(texts) == {"own"}

    def test_deactivated(self, anna: User, texts: Texts) -> None:
        User.objects.filter(pk=anna.pk).update(is_active=False)
        assert working(texts) == {"own"}

    def test_altered_in_the_database(self, anna: User, texts: Texts) -> None:
        User.objects.filter(pk=anna.pk).update(authority_mark="x")
        assert working(texts) == {"own"}

    def test_deleted(self, acme: Any, anna: User, texts: Texts) -> None:
        anna.delete()
        assert working(texts) == {"own"}

    @pytest.mark.parametrize("column", ["owner", "project", "revoked_at"])
    def test_whoever_writes_to_the_database(
        self, acme: Any, project: Any, anna: User, alice: Any, texts: Texts, column: str
    ) -> None:
        """They make a key of somebody who left neither another owner's nor nobody's, and bring none back."""
        batch = acme.projects.create(slug="batch", name="Batch")
        new = {"organization_id": acme.pk, "name": "one", "scope": "read", "by": acting(alice)}
        texts["one"] = create_key(**new, project_id=project.pk)[1]
        values = {"owner": [None, alice], "project": [None, batch], "revoked_at": [None]}
        if column == "owner":
            remove(acme.memberships.get(user=anna), by=CONSOLE)
        if column in ("owner", "revoked_at"):
            for key in ApiKey.objects.filter(owner=anna):
                revoke(key, by=CONSOLE)
        for value in values[column]:
            names = ["one"] if column == "project" else list(TWO)
            ApiKey.objects.filter(name__in=names).update(**{"revoked_at": None, column: value})
            assert not working(texts) & set(names)

    def test_an_organization_that_is_suspended(self, acme: Any, anna: User, alice: Any, texts: Texts) -> None:
        acme.quota.suspended_at = timezone.now()
        acme.quota.save()
        remove(acme.memberships.get(user=anna), by=acting(alice))
        assert working(texts) == {"own"}


class TestWhoeverWasRemovedMeanwhile:
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


class TestTakingOver:
    def test_a_key_that_nobody_owns(self, acme: Any, alice: Any) -> None:
        row, text = create_key(organization_id=acme.pk, name="ci", scope="write", by=CONSOLE)
        assert (row.owner, find_live_key(text)) == (None, row)

        assert take_over(row, by=acting(alice))
        assert not take_over(row, by=acting(alice))

        found = find_live_key(text)
        assert found is not None
        assert found.owner == alice
        assert recorded(organization=acme)[-1][:3] == ("alice@acme.example", "key.taken_over", "ci")

    def test_brings_back_a_key_of_somebody_who_left_by_another_way(
        self, acme: Any, anna: User, alice: Any, texts: Texts
    ) -> None:
        acme.memberships.filter(user=anna).delete()
        take_over(ApiKey.objects.get(name="ci"), by=acting(alice))
        assert working(texts) == {"own", "ci"}

    def test_not_one_that_ended_or_was_altered(self, acme: Any, alice: Any) -> None:
        row, _ = create_key(organization_id=acme.pk, name="ci", scope="write", by=CONSOLE)
        ApiKey.objects.update(scope="read")
        with pytest.raises(KeyRefused, match="outside the portal"):
            take_over(row, by=acting(alice))
        ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        with pytest.raises(KeyRefused, match="already revoked or expired"):
            take_over(row, by=acting(alice))


def test_an_owner_of_another_organization_owns_no_key(acme: Any, mallory: Any) -> None:
    with pytest.raises(KeyRefused):
        create_key(organization_id=acme.pk, name="x", scope="read", owner_id=mallory.pk, by=CONSOLE)
    with pytest.raises(NoLongerOwner):
        create_key(organization_id=acme.pk, name="x", scope="read", by=acting(mallory))
    assert not ApiKey.objects.exists()


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
