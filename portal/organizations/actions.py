"""Actions on organizations, their projects and their members. Who may perform them is in
`portal.organizations.permissions`."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from django.db import transaction

from groups.models import Quota
from groups.rules import quotas
from portal.accounts.session_epoch import end_sessions_of
from portal.models import AddressProof, Membership, Organization, Project, Role, User
from portal.organizations.api_key_rows import KEY_ROLE
from portal.organizations.holdings import Ended, end_holdings, end_invitations_to, record_end
from portal.organizations.identities import mark_organization, mark_project
from portal.organizations.rules import (
    refuse_member,
    require_able_to_join,
    require_active,
    require_another_owner,
    require_owner,
)
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor
from registries.foundation.ids import UserId


@dataclass(frozen=True)
class NewPerson:
    """A person without an account, for whose address an operator vouches. Without a password they can't sign in until
    they set one."""

    email: str
    password: str | None = field(repr=False)


def create_organization(*, slug: str, name: str, owner: User | NewPerson, by: Actor) -> Organization:
    """Create an organization with the project `default` and an owner, and the owner's account where there is none.
    Raises IntegrityError if the address or the owner's email is taken; AddressUnproven if nobody has proven to have the
    owner's address, since somebody else may have made that account; AccountDeactivated."""
    with transaction.atomic():
        if isinstance(owner, NewPerson):
            person = User.objects.create_user(owner.email, owner.password, address_proof=AddressProof.OPERATOR)
        else:
            person = User.objects.select_for_update(no_key=True).get(pk=owner.pk)
            require_able_to_join(person)
        organization = Organization.objects.create(slug=slug, name=name)
        mark_organization(organization)
        Quota.objects.create(organization_id=organization.pk)
        mark_project(Project.objects.create(organization=organization, slug="default", name="Default"))
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
        mark_project(project)
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
    """Make somebody a member without an invitation, which only operators do. Raises TeamRefused if they are one,
    AddressUnproven, and AccountDeactivated."""
    with transaction.atomic():
        quotas.lock_organization(organization.pk)
        require_able_to_join(User.objects.get(pk=person.pk))
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


def change_role(membership: Membership, role: str, *, keep: Collection[uuid.UUID] = (), by: Actor) -> Ended | None:
    """Change a member's role; return what ended with it, or None if the role was the same. The person's sessions end.
    Somebody who is no owner any more holds neither API keys nor open invitations: keys in `keep` become the keys of
    the owner who acts, the others end. Raises LastOwner and NoLongerOwner, and AccountDeactivated if a deactivated
    account would get more."""
    with transaction.atomic():
        quotas.lock_organization(membership.organization_id)
        require_owner(by, membership.organization_id)
        row = _current(membership)
        if row is None or row.role == role:
            return None
        require_another_owner(row)
        if Role(role).rank > Role(row.role).rank:
            require_active(row.user)
        before, row.role = row.role, role
        row.save(update_fields=["role"])
        ended = Ended()
        if Role(role).rank < KEY_ROLE.rank:
            ended = _end_holdings(row, keep=keep, by=by)
        end_sessions_of(row.user_id)
        record_end(ended, row.organization_id, by=by)
        record(
            by,
            "team.role_changed",
            Target("member", row.user_id, row.user.email),
            organization_id=row.organization_id,
            detail=", ".join(filter(None, [f"{before} → {role}", ended.in_words])),
            before={"role": before},
            after={"role": role},
        )
    return ended


def remove(membership: Membership, *, keep: Collection[uuid.UUID] = (), by: Actor) -> Ended | None:
    """Remove a member; return what ended, or None if they were none. What they created stays. Their API keys, the
    invitations they made, those to them and their sessions end; keys in `keep` become the keys of the owner who acts.
    Raises LastOwner and NoLongerOwner."""
    return _end_membership(membership, "team.removed", keep=keep, by=by)


def leave(membership: Membership, *, by: Actor) -> Ended | None:
    """Let a member leave by themselves, as `remove` does: their API keys and invitations end. Raises LastOwner."""
    return _end_membership(membership, "team.left", by=by)


def _end_membership(
    membership: Membership, action: str, *, keep: Collection[uuid.UUID] = (), by: Actor
) -> Ended | None:
    with transaction.atomic():
        quotas.lock_organization(membership.organization_id)
        if action == "team.removed":
            require_owner(by, membership.organization_id)
        row = _current(membership)
        if row is None:
            return None
        require_another_owner(row)
        Membership.objects.filter(pk=row.pk).delete()
        ended = _end_holdings(row, keep=keep, by=by)
        if action == "team.removed":
            received = end_invitations_to(row.user.email, row.organization_id)
            ended = replace(ended, invitations=[*ended.invitations, *received])
        end_sessions_of(row.user_id)
        record_end(ended, row.organization_id, by=by)
        record(
            by,
            action,
            Target("member", row.user_id, "" if action == "team.left" else row.user.email),
            organization_id=row.organization_id,
            detail=", ".join(filter(None, [f"was {row.role}", ended.in_words])),
            before={"role": row.role},
        )
    return ended


def _end_holdings(row: Membership, *, keep: Collection[uuid.UUID], by: Actor) -> Ended:
    """End what the member holds. Only an owner takes over keys: who acts may be an operator."""
    owners = Membership.objects.filter(organization=row.organization_id, role=Role.OWNER, user__is_active=True)
    new_owner = owners.filter(user=by.person_id or UserId(0)).exclude(user=row.user_id).select_related("user").first()
    person = new_owner.user if new_owner is not None else None
    return end_holdings(row.user_id, row.organization_id, keep=keep, new_owner=person)


def _current(membership: Membership) -> Membership | None:
    """The membership as it is now. It can't change: the organization is locked."""
    return Membership.objects.select_related("user").filter(pk=membership.pk).first()
