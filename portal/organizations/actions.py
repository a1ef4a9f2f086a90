"""What can be done to organizations and people. One mutation per function; who may is
`portal.organizations.permissions`'s."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from groups.models import Quota
from groups.rules import quotas
from portal.models import Invitation, Membership, Organization, Project, Role, User
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor, ActorKind
from registries.foundation.refusal import Refusal
from registries.secrets import one_time

INVITATION_DAYS = 7
MAX_INVITATIONS_A_DAY = 50
TOKEN_PREFIX = "dri_"  # noqa: S105 (makes a leaked one recognisable)


class TeamRefused(Refusal):
    """The team can't be changed like this now."""

    code = "team_refused"
    title = "The team can't be changed like this"


class LastOwner(TeamRefused):
    """An organization keeps an owner."""

    code = "last_owner"

    def __init__(self) -> None:
        super().__init__("An organization needs an owner. Make somebody else owner first.")


class InvitationOver(TeamRefused):
    """The invitation can no longer be accepted, or not by this person."""

    code = "invitation_over"
    title = "This invitation can't be accepted"


@dataclass(frozen=True)
class NewPerson:
    """Somebody who has no account yet. Without a password they can't sign in until they set one."""

    email: str
    password: str | None = field(repr=False)


def create_organization(*, slug: str, name: str, owner: User | NewPerson, by: Actor) -> Organization:
    """Make an organization with its project `default` and its owner, whose account is made too where there is none.
    Raises IntegrityError for a taken address."""
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
    """Give the organization another name; its address stays. Returns whether that is a change."""
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
    """Add a project. Raises IntegrityError for a taken address."""
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


def invite(organization: Organization, *, email: str, role: str, by: Actor) -> tuple[Invitation, str]:
    """Write an invitation and return it with its token, which is stored nowhere. An earlier one to the same address
    ends. Raises TeamRefused for a member, and where too many were sent."""
    email = email.strip().lower()
    now = timezone.now()
    token, digest = one_time.new(TOKEN_PREFIX)
    with transaction.atomic():
        quotas.lock_organization(organization.pk)
        _refuse_member(organization, email)
        rows = Invitation.objects.filter(organization=organization)
        if rows.filter(created_at__gt=now - timedelta(days=1)).count() >= MAX_INVITATIONS_A_DAY:
            raise TeamRefused(f"{MAX_INVITATIONS_A_DAY} invitations were sent within a day. Try again tomorrow.")
        rows.open().filter(email=email).update(withdrawn_at=now)
        row = Invitation.objects.create(
            organization=organization,
            email=email,
            role=role,
            token_hash=digest,
            invited_by_id=by.person_id,
            expires_at=now + timedelta(days=INVITATION_DAYS),
        )
        record(
            by,
            "team.invited",
            Target("invitation", row.pk, email),
            organization_id=organization.pk,
            detail=f"as {role}",
            after={"role": role},
        )
    return row, token


def withdraw(invitation: Invitation, *, by: Actor) -> bool:
    """End an invitation that nobody accepted. Returns whether it was still open."""
    with transaction.atomic():
        if not Invitation.objects.open().filter(pk=invitation.pk).update(withdrawn_at=Now()):
            return False
        record(
            by,
            "team.withdrawn",
            Target("invitation", invitation.pk, invitation.email),
            organization_id=invitation.organization_id,
        )
    return True


def accept(invitation: Invitation, *, by: Actor) -> Membership:
    """Make the person who acts a member, once. Raises InvitationOver for another person's, a used or an ended
    invitation."""
    with transaction.atomic():
        quotas.lock_organization(invitation.organization_id)
        person = User.objects.filter(pk=by.person_id or 0).first()
        if person is None or person.email.lower() != invitation.email:
            raise InvitationOver(f"This invitation is for {invitation.email}.")
        membership, is_new = _join(invitation, person)
        if is_new:
            _record_joining(membership, by=by)
    return membership


def accept_as_new(invitation: Invitation, password: str, *, by: Actor) -> User:
    """Make a person with the invitation's address, who joins. `by` is whoever opened the link; the record names the new
    person, who acts from here on. Raises InvitationOver as `accept` does, and where there is such a person by now."""
    with transaction.atomic():
        quotas.lock_organization(invitation.organization_id)
        if User.objects.filter(email=invitation.email).exists():
            raise InvitationOver("There is an account with this address by now. Sign in to accept.")
        person = User.objects.create_user(invitation.email, password)
        membership, _ = _join(invitation, person)
        joined = Actor(
            kind=ActorKind.PERSON,
            id=str(person.pk),
            name=person.email,
            address=by.address,
            request_id=by.request_id,
        )
        _record_joining(membership, by=joined)
    return person


def add_member(organization: Organization, person: User, *, role: str, by: Actor) -> Membership:
    """Make somebody a member without asking them, which is for operators. Raises TeamRefused for a member."""
    with transaction.atomic():
        quotas.lock_organization(organization.pk)
        _refuse_member(organization, person.email)
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
    """Give a member another role. Returns whether that is a change. Raises LastOwner."""
    with transaction.atomic():
        quotas.lock_organization(membership.organization_id)
        row = _current(membership)
        if row is None or row.role == role:
            return False
        if role != Role.OWNER:
            _keep_an_owner(row)
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
    """Take a person out of the organization; what they made stays. Returns whether they were in it. Raises
    LastOwner."""
    return _end_membership(membership, "team.removed", by=by)


def leave(membership: Membership, *, by: Actor) -> bool:
    """Leave the organization, as its member; what they made stays. Returns whether they were in it. Raises
    LastOwner."""
    return _end_membership(membership, "team.left", by=by)


def _refuse_member(organization: Organization, email: str) -> None:
    if Membership.objects.filter(organization=organization, user__email=email).exists():
        raise TeamRefused(f"{email} is a member already.", field="email")


def _join(invitation: Invitation, person: User) -> tuple[Membership, bool]:
    """Use the invitation up. Returns the membership and whether it is new. The organization is locked."""
    taken = Invitation.objects.open().filter(pk=invitation.pk).update(accepted_at=Now(), accepted_by=person)
    if not taken:
        raise InvitationOver("This invitation has been used or withdrawn.")
    return Membership.objects.get_or_create(
        organization_id=invitation.organization_id, user=person, defaults={"role": invitation.role}
    )


def _record_joining(membership: Membership, *, by: Actor) -> None:
    record(
        by,
        "team.joined",
        Target("member", membership.user_id, membership.role),
        organization_id=membership.organization_id,
        after={"role": membership.role},
    )


def _end_membership(membership: Membership, action: str, *, by: Actor) -> bool:
    with transaction.atomic():
        quotas.lock_organization(membership.organization_id)
        row = _current(membership)
        if row is None:
            return False
        _keep_an_owner(row)
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
    """The membership as it is now. The organization is locked, so it stays like that."""
    return Membership.objects.select_related("user").filter(pk=membership.pk).first()


def _keep_an_owner(membership: Membership) -> None:
    """Raise LastOwner where this is the only one."""
    owners = Membership.objects.filter(organization=membership.organization_id, role=Role.OWNER)
    if membership.role == Role.OWNER and not owners.exclude(pk=membership.pk).exists():
        raise LastOwner
