"""Actions on organizations, their projects and their members. Who may perform them is in
`portal.organizations.permissions`."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import transaction

from groups.models import Quota
from groups.rules import quotas
from portal.models import Membership, Organization, Project, Role, User
from portal.organizations.rules import refuse_member, require_another_owner
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor


@dataclass(frozen=True)
class NewPerson:
    """A person without an account. Without a password they can't sign in until they set one."""

    email: str
    password: str | None = field(repr=False)


def create_organization(*, slug: str, name: str, owner: User | NewPerson, by: Actor) -> Organization:
    """Create an organization with the project `default` and an owner, and the owner's account where there is none.
    Raises IntegrityError if the address or the owner's email is taken."""
    with transaction.atomic():
        person = User.objects.create_user(owner.email, owner.password) if isinstance(owner, NewPerson) else owner
        organization = Organization.objects.create(slug=slug, name=name)
        Quota.objects.create(organization_id=organization.pk)
        Project.objects.create(organization=organization, slug="default", name="Default")
        Membership.objects.create(organization=organization, user=person, role=Role.OWNER)
        record(
            by,
            "organization.created",
            Target("organization", organization.pk, name),
            organization_id=organization.pk,
            detail=f"owner {person.email}",
            after={"slug": slug, "name": name, "owner": person.email},
        )
        if isinstance(owner, NewPerson):
            record(by, "account.created", Target("person", person.pk, person.email), organization_id=None)
    return organization


def rename_organization(organization: Organization, *, name: str, by: Actor) -> bool:
    """Change the organization's name; its address stays. Returns whether the name was different."""
    with transaction.atomic():
        before = quotas.lock_organization(organization.pk).organization.name
        if before == name:
            return False
        Organization.objects.filter(pk=organization.pk).update(name=name)
        record(
            by,
            "organization.renamed",
            Target("organization", organization.pk, name),
            organization_id=organization.pk,
            detail=f"{before} → {name}",
            before={"name": before},
            after={"name": name},
        )
    return True


def add_project(organization: Organization, *, slug: str, name: str, by: Actor) -> Project:
    """Add a project. Raises IntegrityError if the address is taken."""
    with transaction.atomic():
        quotas.lock_organization(organization.pk)
        project = Project.objects.create(organization=organization, slug=slug, name=name)
        record(
            by,
            "organization.project_added",
            Target("project", project.pk, name),
            organization_id=organization.pk,
            detail=slug,
            after={"slug": slug, "name": name},
        )
    return project


def add_member(organization: Organization, person: User, *, role: str, by: Actor) -> Membership:
    """Make somebody a member without an invitation, which only operators do. Raises TeamRefused if they are one."""
    with transaction.atomic():
        quotas.lock_organization(organization.pk)
        refuse_member(organization, person.email)
        membership = Membership.objects.create(organization=organization, user=person, role=role)
        record(
            by,
            "team.added",
            Target("member", person.pk, person.email),
            organization_id=organization.pk,
            detail=f"as {role}",
            after={"role": role},
        )
    return membership


def change_role(membership: Membership, role: str, *, by: Actor) -> bool:
    """Change a member's role. Returns whether it was different. Raises LastOwner."""
    with transaction.atomic():
        quotas.lock_organization(membership.organization_id)
        row = _current(membership)
        if row is None or row.role == role:
            return False
        require_another_owner(row)
        before, row.role = row.role, role
        row.save(update_fields=["role"])
        record(
            by,
            "team.role_changed",
            Target("member", row.user_id, row.user.email),
            organization_id=row.organization_id,
            detail=f"{before} → {role}",
            before={"role": before},
            after={"role": role},
        )
    return True


def remove(membership: Membership, *, by: Actor) -> bool:
    """Remove a member; what they created stays. Returns whether they were a member. Raises LastOwner."""
    return _end_membership(membership, "team.removed", by=by)


def leave(membership: Membership, *, by: Actor) -> bool:
    """Let a member leave by themselves; what they created stays. Returns whether they were a member. Raises
    LastOwner."""
    return _end_membership(membership, "team.left", by=by)


def _end_membership(membership: Membership, action: str, *, by: Actor) -> bool:
    with transaction.atomic():
        quotas.lock_organization(membership.organization_id)
        row = _current(membership)
        if row is None:
            return False
        require_another_owner(row)
        Membership.objects.filter(pk=row.pk).delete()
        record(
            by,
            action,
            Target("member", row.user_id, "" if action == "team.left" else row.user.email),
            organization_id=row.organization_id,
            detail=f"was {row.role}",
            before={"role": row.role},
        )
    return True


def _current(membership: Membership) -> Membership | None:
    """The membership as it is now. It can't change: the organization is locked."""
    return Membership.objects.select_related("user").filter(pk=membership.pk).first()
