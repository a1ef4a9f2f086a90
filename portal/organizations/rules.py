"""Rules of a team: nobody is a member twice, there is always an owner, only owners hold keys and invite, and an account
whose address is not proven gets no access to a second organization. Callers have locked the organization."""

from __future__ import annotations

from portal.models import Membership, Organization, Role, User
from portal.organizations.errors import AddressUnproven, LastOwner, NoLongerOwner, TeamRefused
from registries.foundation.actor import Actor, ActorKind
from registries.foundation.ids import OrganizationId, UserId


def refuse_member(organization: Organization, email: str) -> None:
    """Raise TeamRefused if somebody with this email address is a member."""
    if Membership.objects.filter(organization=organization, user__email=email).exists():
        raise TeamRefused(f"{email} is a member already.", field="email")


def require_proof(person: User) -> None:
    """Raise AddressUnproven if nobody has proven to have the address of this account."""
    if not person.address_proof:
        raise AddressUnproven(person.email)


def require_another_owner(membership: Membership) -> None:
    """Raise LastOwner if this is the organization's only owner."""
    owners = Membership.objects.filter(organization=membership.organization_id, role=Role.OWNER)
    if membership.role == Role.OWNER and not owners.exclude(pk=membership.pk).exists():
        raise LastOwner


def is_owner(person_id: UserId, organization_id: OrganizationId) -> bool:
    """Whether the person is an owner of the organization and their account is active."""
    rows = Membership.objects.filter(user=person_id, user__is_active=True, organization=organization_id)
    return rows.filter(role=Role.OWNER).exists()


def require_owner(by: Actor, organization_id: OrganizationId) -> None:
    """Raise NoLongerOwner if a member acts who is not an owner now: they may have been one when their request was
    admitted, before another one removed them."""
    if by.kind == ActorKind.PERSON and not is_owner(by.person_id or UserId(0), organization_id):
        raise NoLongerOwner
