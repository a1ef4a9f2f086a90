"""What actions on an organization, its team, its invitations and its API keys record, to the last field."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from portal.models import Activity, User
from portal.organizations import actions, api_keys, invitations
from portal.organizations.actions import NewPerson
from registries.foundation.actor import Actor, ActorKind
from tests.support.actors import acting

NINA = "nina@initech.example"
Row = tuple[str, str, str, str, dict[str, Any], dict[str, Any]]


def written(**only: object) -> list[Row]:
    """Action, kind and key of the target, its name, before and after; oldest first."""
    rows = Activity.objects.filter(**only).order_by("number").select_related("text")
    return [
        (row.action, row.target_kind, row.target_key, row.text.target_name, row.text.before, row.text.after)
        for row in rows
    ]


def test_an_organization_and_its_projects(db: None, olga: Any) -> None:
    made = actions.create_organization(slug="initech", name="Initech", owner=NewPerson(NINA, None), by=acting(olga))
    actions.rename_organization(made, name="Initech Ltd", by=acting(olga))
    project = actions.add_project(made, slug="batch", name="Batch jobs", by=acting(olga))

    key = str(made.pk)
    founded = {"slug": "initech", "name": "Initech", "owner": NINA}
    names = {"name": "Initech"}, {"name": "Initech Ltd"}
    assert written(organization=made) == [
        ("organization.created", "organization", key, "Initech", {}, founded),
        ("organization.renamed", "organization", key, "Initech Ltd", *names),
        ("organization.project_added", "project", str(project.pk), "Batch jobs", {},
         {"slug": "batch", "name": "Batch jobs"}),
    ]  # fmt: skip
    nina = str(User.objects.get(email=NINA).pk)
    assert written(organization=None) == [("account.created", "person", nina, NINA, {}, {})]


def test_members(acme: Any, mallory: Any, bob: Any, alice: Any) -> None:
    actions.add_member(acme, mallory, role="viewer", by=acting(alice))
    actions.change_role(acme.memberships.get(user=mallory), "member", by=acting(alice))
    actions.remove(acme.memberships.get(user=mallory), by=acting(alice))
    actions.leave(acme.memberships.get(user=bob), by=acting(bob))

    them, email = str(mallory.pk), mallory.email
    assert written() == [
        ("team.added", "member", them, email, {}, {"role": "viewer"}),
        ("team.role_changed", "member", them, email, {"role": "viewer"}, {"role": "member"}),
        ("team.removed", "member", them, email, {"role": "member"}, {}),
        ("team.left", "member", str(bob.pk), "", {"role": "member"}, {}),
    ]


def test_invitations(acme: Any, mallory: Any, alice: Any) -> None:
    first, _ = invitations.invite(acme, email=NINA, role="member", by=acting(alice))
    second, _ = invitations.invite(acme, email=NINA, role="viewer", by=acting(alice))
    invitations.withdraw(second, by=acting(alice))
    third, _ = invitations.invite(acme, email=NINA, role="owner", by=acting(alice))
    somebody = Actor(kind=ActorKind.ANONYMOUS, name="somebody")
    nina = str(invitations.accept_as_new(third, "a long and good sentence", by=somebody).pk)

    keys = str(first.pk), str(second.pk), str(third.pk)
    assert written(organization=acme) == [
        ("team.invited", "invitation", keys[0], NINA, {}, {"role": "member"}),
        ("team.invited", "invitation", keys[1], NINA, {"invitations": [keys[0]]},
         {"role": "viewer", "invitations": [keys[1]]}),
        ("team.withdrawn", "invitation", keys[1], NINA, {}, {}),
        ("team.invited", "invitation", keys[2], NINA, {}, {"role": "owner"}),
        ("team.joined", "member", nina, "owner", {}, {"role": "owner"}),
    ]  # fmt: skip
    assert written(organization=None) == [("account.created", "person", nina, NINA, {}, {})]


def test_api_keys(acme: Any, alice: Any) -> None:
    until = timezone.now() + timedelta(days=3)
    old, _ = api_keys.create_key(organization_id=acme.pk, name="ci", scope="write", expires_at=until, by=acting(alice))
    new, _ = api_keys.rotate(old, by=acting(alice))
    api_keys.revoke(new, by=acting(alice))
    endless, _ = api_keys.create_key(organization_id=acme.pk, name="ops", scope="read", by=acting(alice))

    settings = {"scope": "write", "expires_at": until.isoformat()}
    assert written() == [
        ("key.created", "api_key", str(old.pk), "ci", {}, settings),
        ("key.rotated", "api_key", str(new.pk), "ci", {"key": str(old.pk), "prefix": old.prefix},
         {**settings, "key": str(new.pk), "prefix": new.prefix}),
        ("key.revoked", "api_key", str(new.pk), "ci", {}, {}),
        ("key.created", "api_key", str(endless.pk), "ops", {}, {"scope": "read", "expires_at": None}),
    ]  # fmt: skip
