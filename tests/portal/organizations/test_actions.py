"""Actions on organizations and members: what each writes, and that only the row that was meant changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError

from groups.models import Quota
from portal.models import Membership, Organization, Project, Role, User
from portal.organizations.actions import (
    NewPerson,
    add_member,
    add_project,
    change_role,
    create_organization,
    leave,
    remove,
    rename_organization,
)
from portal.organizations.errors import LastOwner, TeamRefused
from registries.foundation.actor import CONSOLE
from tests.support.activity import recorded
from tests.support.actors import acting
from tests.support.row_locks import row_locks

NINA = "nina@initech.example"


@pytest.fixture
def umbrella(mallory: Any) -> Organization:
    """Another organization, with an owner, a member and a project of its own."""
    organization: Organization = mallory.organizations.get()
    organization.memberships.create(user=User.objects.create_user("una@umbrella.example"), role="owner")
    return organization


def roles(organization: Organization) -> dict[str, str]:
    return dict(organization.memberships.values_list("user__email", "role"))


class TestCreating:
    def test_an_organization_of_somebody_who_is_there(self, alice: Any, olga: Any) -> None:
        made = create_organization(slug="initech", name="Initech", owner=alice, by=acting(olga))

        row = Organization.objects.get(pk=made.pk)
        assert (row.slug, row.name) == ("initech", "Initech")
        assert list(row.projects.values_list("slug", "name")) == [("default", "Default")]
        assert roles(row) == {alice.email: "owner"}
        quota = Quota.objects.get(pk=row.pk)
        assert [getattr(quota, name) for name in Quota.LIMITS] == [None] * 5
        assert quota.suspended_at is None
        assert recorded() == [(olga.email, "organization.created", "Initech", f"owner {alice.email}")]

    @pytest.mark.parametrize("password", [None, "a long and good sentence"])
    def test_an_organization_of_a_new_person(self, db: None, password: str | None) -> None:
        made = create_organization(slug="initech", name="Initech", owner=NewPerson(NINA, password), by=CONSOLE)

        assert {NewPerson(NINA, "a long sentence")} == {NewPerson(NINA, "a long sentence")}
        assert "a long sentence" not in repr(NewPerson(NINA, "a long sentence"))
        nina = User.objects.get()
        assert (nina.email, nina.is_staff, nina.is_superuser) == (NINA, False, False)
        assert nina.has_usable_password() == bool(password)
        assert password is None or nina.check_password(password)
        assert roles(made) == {NINA: "owner"}
        assert recorded(organization=None) == [("Drayage", "account.created", NINA, "")]

    def test_an_address_that_is_taken_leaves_nothing_behind(self, acme: Any) -> None:
        with pytest.raises(IntegrityError):
            create_organization(slug="acme", name="Another", owner=NewPerson(NINA, None), by=CONSOLE)

        assert not User.objects.filter(email=NINA).exists()
        assert list(Organization.objects.values_list("name", flat=True)) == ["Acme"]

    def test_a_project(self, acme: Any, umbrella: Organization, alice: Any) -> None:
        project = add_project(acme, slug="batch", name="Batch", by=acting(alice))
        add_project(umbrella, slug="batch", name="Batch", by=CONSOLE)

        project.refresh_from_db()
        assert (project.organization, project.slug, project.name) == (acme, "batch", "Batch")
        assert recorded(organization=acme) == [(alice.email, "organization.project_added", "Batch", "batch")]
        with pytest.raises(IntegrityError):
            add_project(acme, slug="batch", name="Again", by=CONSOLE)
        assert Project.objects.filter(slug="batch").count() == 2


def test_renaming_one_organization(acme: Any, umbrella: Organization, alice: Any) -> None:
    assert rename_organization(acme, name="Acme Ltd", by=acting(alice))
    assert not rename_organization(acme, name="Acme Ltd", by=acting(alice))

    assert dict(Organization.objects.values_list("slug", "name")) == {"acme": "Acme Ltd", "umbrella": "Umbrella"}
    assert recorded() == [(alice.email, "organization.renamed", "Acme Ltd", "Acme → Acme Ltd")]


@pytest.mark.parametrize("role", ["viewer", "member", "owner"])
def test_an_operator_adds_a_member(acme: Any, umbrella: Organization, mallory: Any, olga: Any, role: str) -> None:
    row = add_member(acme, mallory, role=role, by=acting(olga))

    assert (row.organization, row.user, row.role) == (acme, mallory, role)
    assert roles(umbrella)[mallory.email] == "owner"
    assert recorded() == [(olga.email, "team.added", mallory.email, f"as {role}")]
    with pytest.raises(TeamRefused):
        add_member(acme, mallory, role="owner", by=acting(olga))
    assert roles(acme)[mallory.email] == role


def test_a_role_changes_for_one_person_in_one_organization(
    acme: Any, umbrella: Organization, alice: Any, bob: Any
) -> None:
    umbrella.memberships.create(user=bob, role="viewer")

    assert change_role(acme.memberships.get(user=bob), "owner", by=acting(alice))
    assert not change_role(acme.memberships.get(user=bob), "owner", by=acting(alice))

    assert roles(acme) == {alice.email: "owner", bob.email: "owner"}
    assert roles(umbrella)[bob.email] == "viewer"
    assert recorded() == [(alice.email, "team.role_changed", bob.email, "member → owner")]


def test_what_changed_since_the_page_was_opened_counts(acme: Any, alice: Any, bob: Any) -> None:
    """The last owner stays, whatever the caller's row says."""
    seen = acme.memberships.get(user=alice)
    acme.memberships.filter(user=bob).update(role="owner")
    assert change_role(seen, "viewer", by=acting(bob))
    seen.role = "viewer"
    acme.memberships.filter(user=alice).update(role="owner")
    acme.memberships.filter(user=bob).update(role="member")

    with pytest.raises(LastOwner):
        remove(seen, by=CONSOLE)
    with pytest.raises(LastOwner):
        change_role(seen, "member", by=CONSOLE)
    assert roles(acme) == {alice.email: "owner", bob.email: "member"}


@pytest.mark.parametrize("end", [remove, leave])
def test_the_last_owner_stays_beside_owners_elsewhere(
    acme: Any, umbrella: Organization, alice: Any, bob: Any, carol: Any, end: Callable[..., bool]
) -> None:
    last = acme.memberships.get(user=alice)
    before = len(recorded())

    with pytest.raises(LastOwner) as refused:
        end(last, by=CONSOLE)
    assert (refused.value.code, TeamRefused.code) == ("last_owner", "team_refused")
    for role in ("member", "viewer"):
        with pytest.raises(LastOwner):
            change_role(last, role, by=CONSOLE)
    assert roles(acme) == {alice.email: "owner", bob.email: "member", carol.email: "viewer"}
    assert len(recorded()) == before
    assert not change_role(last, "owner", by=CONSOLE)

    acme.memberships.filter(user=carol).update(role="owner")
    assert end(last, by=CONSOLE)
    assert not end(last, by=CONSOLE)
    assert not change_role(last, "viewer", by=CONSOLE)
    assert roles(acme) == {bob.email: "member", carol.email: "owner"}
    assert roles(umbrella) == {"mallory@umbrella.example": "owner", "una@umbrella.example": "owner"}


def test_an_organization_that_lost_its_owner_can_be_given_one(acme: Any, alice: Any, bob: Any, carol: Any) -> None:
    """As happens when somebody's account is deleted."""
    alice.delete()

    assert leave(acme.memberships.get(user=carol), by=CONSOLE)
    assert change_role(acme.memberships.get(user=bob), "viewer", by=CONSOLE)
    assert change_role(acme.memberships.get(user=bob), "owner", by=CONSOLE)
    assert roles(acme) == {bob.email: "owner"}


@pytest.mark.parametrize(("end", "action", "target"), [
    (remove, "team.removed", "bob@acme.example"),
    (leave, "team.left", ""),
])  # fmt: skip
def test_a_membership_ends_in_one_organization(
    acme: Any, umbrella: Organization, alice: Any, bob: Any, end: Callable[..., bool], action: str, target: str
) -> None:
    umbrella.memberships.create(user=bob, role="viewer")

    assert end(acme.memberships.get(user=bob), by=acting(alice))

    assert list(Membership.objects.filter(user=bob).values_list("organization", flat=True)) == [umbrella.pk]
    assert User.objects.filter(pk=bob.pk).exists()
    assert recorded() == [(alice.email, action, target, "was member")]


def test_the_organization_is_locked_before_anything_is_counted(acme: Any, alice: Any, bob: Any, mallory: Any) -> None:
    row = acme.memberships.get(user=bob)
    acts: list[Callable[[], object]] = [
        lambda: rename_organization(acme, name="Acme Ltd", by=CONSOLE),
        lambda: add_project(acme, slug="batch", name="Batch", by=CONSOLE),
        lambda: add_member(acme, mallory, role="viewer", by=CONSOLE),
    ]
    ends: list[Callable[[], object]] = [
        lambda: change_role(row, Role.OWNER, by=CONSOLE),
        lambda: remove(row, by=CONSOLE),
        lambda: leave(acme.memberships.get(user=mallory), by=CONSOLE),
    ]

    for act in (*acts, *ends):
        with row_locks() as tables:
            act()
        between = ["portal_user"] if act in ends else []  # whose sessions end
        assert tables == ["groups_quota", *between, "portal_activityhead"]
