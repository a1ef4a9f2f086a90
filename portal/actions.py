"""What can be done to organizations and people. One mutation per function; who may is `portal.permissions`'s."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from groups import quotas, suspension
from portal.models import Invitation, Membership, Organization, Project, Role, User
from registries.secrets import one_time

INVITATION_DAYS = 7
MAX_INVITATIONS_A_DAY = 50
TOKEN_PREFIX = "dri_"  # noqa: S105 (makes a leaked one recognisable)


class TeamRefused(Exception):
    """What can't be done to the team now; `text` says why, and what to do."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class LastOwner(TeamRefused):
    """An organization keeps an owner."""

    def __init__(self) -> None:
        super().__init__("An organization needs an owner. Make somebody else owner first.")


class InvitationOver(TeamRefused):
    """The invitation can't be accepted any more, or not by this person."""


def create_organization(*, slug: str, name: str, owner: User) -> Organization:
    """Make an organization with its project `default` and its owner. Raises IntegrityError for a taken address."""
    with transaction.atomic():
        organization = Organization.objects.create(slug=slug, name=name)
        Project.objects.create(organization=organization, slug="default", name="Default")
        Membership.objects.create(organization=organization, user=owner, role=Role.OWNER)
    return organization


def invite(*, organization: Organization, email: str, role: str, invited_by: User) -> tuple[Invitation, str]:
    """Write an invitation and return it with its token, which stands nowhere else. An earlier one to the same address
    ends. Raises TeamRefused for a member, and where too many were sent."""
    email = email.strip().lower()
    now = timezone.now()
    token, digest = one_time.new(TOKEN_PREFIX)
    with transaction.atomic():
        quotas.lock(organization.pk)
        if Membership.objects.filter(organization=organization, user__email=email).exists():
            raise TeamRefused(f"{email} is a member already.")
        rows = Invitation.objects.filter(organization=organization)
        if rows.filter(created_at__gt=now - timedelta(days=1)).count() >= MAX_INVITATIONS_A_DAY:
            raise TeamRefused(f"{MAX_INVITATIONS_A_DAY} invitations were sent within a day. Try again tomorrow.")
        rows.open().filter(email=email).update(withdrawn_at=now)
        row = Invitation.objects.create(
            organization=organization,
            email=email,
            role=role,
            token_hash=digest,
            invited_by=invited_by,
            expires_at=now + timedelta(days=INVITATION_DAYS),
        )
    return row, token


def withdraw(invitation: Invitation) -> bool:
    """End an invitation that nobody accepted. Returns whether it was still open."""
    return bool(Invitation.objects.open().filter(pk=invitation.pk).update(withdrawn_at=Now()))


def accept(invitation: Invitation, user: User) -> Membership:
    """Make the person a member, once. Raises InvitationOver for another person's, a used or an ended invitation."""
    if user.email.lower() != invitation.email:
        raise InvitationOver(f"This invitation is for {invitation.email}.")
    with transaction.atomic():
        quotas.lock(invitation.organization_id)
        taken = Invitation.objects.open().filter(pk=invitation.pk).update(accepted_at=Now(), accepted_by=user)
        if not taken:
            raise InvitationOver("This invitation has been used or withdrawn meanwhile.")
        membership, _ = Membership.objects.get_or_create(
            organization_id=invitation.organization_id, user=user, defaults={"role": invitation.role}
        )
    return membership


def accept_as_new(invitation: Invitation, password: str) -> User:
    """Make a person with the invitation's address and have them accept it. Raises InvitationOver as `accept` does, and
    where there is such a person by now."""
    with transaction.atomic():
        quotas.lock(invitation.organization_id)
        if User.objects.filter(email=invitation.email).exists():
            raise InvitationOver("There is an account with this address by now. Sign in to accept.")
        user = User.objects.create_user(invitation.email, password)
        accept(invitation, user)
    return user


def change_role(membership: Membership, role: str) -> None:
    """Give a member another role. Raises LastOwner."""
    with transaction.atomic():
        quotas.lock(membership.organization_id)
        if role != Role.OWNER:
            _keep_an_owner(membership)
        Membership.objects.filter(pk=membership.pk).update(role=role)


def remove(membership: Membership) -> None:
    """Take a person out of the organization; also how one leaves. Raises LastOwner. What they made stays."""
    with transaction.atomic():
        quotas.lock(membership.organization_id)
        _keep_an_owner(membership)
        Membership.objects.filter(pk=membership.pk).delete()


def suspend(organization: Organization, *, because: str) -> bool:
    """Let nothing of the organization run or be pulled from now on; members read why. Returns whether it was not
    suspended already."""
    active = Organization.objects.filter(pk=organization.pk, suspended_at__isnull=True)
    if not active.update(suspended_at=Now(), suspended_because=because):
        return False
    suspension.halt(organization.pk)
    return True


def resume(organization: Organization) -> bool:
    """Let the organization go on. What ran before is started by its members. Returns whether it was suspended."""
    suspended = Organization.objects.filter(pk=organization.pk, suspended_at__isnull=False)
    return bool(suspended.update(suspended_at=None, suspended_because=""))


def _keep_an_owner(membership: Membership) -> None:
    """Raise LastOwner where this is the only one; what the row in hand says may be old."""
    owners = Membership.objects.filter(organization=membership.organization_id, role=Role.OWNER)
    if not owners.exclude(pk=membership.pk).exists() and owners.filter(pk=membership.pk).exists():
        raise LastOwner
