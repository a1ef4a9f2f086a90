"""Rules of a team: nobody is a member twice, there is always an owner, only owners hold keys and invite, an account
whose address is not proven gets no access to a second organization, and a deactivated one to none. Callers have locked
the organization."""

from __future__ import annotations

from portal.models import Membership, Organization, Role, User
from portal.organizations.errors import AccountDeactivated, AddressUnproven, LastOwner, NoLongerOwner, TeamRefused
from registries.foundation.actor import Actor, ActorKind
from registries.foundation.ids import OrganizationId, UserId


def refuse_member(organization: Organization, email: str) -> None:
    """Raise TeamRefused if somebody with this email address is a member."""
    if Membership.objects.filter(organization=organization, user__email=email).exists():
        raise TeamRefused(f"{email} is a member already.", field="email")


def require_active(person: User) -> None:
    """Raise AccountDeactivated if an operator has deactivated this account."""
    if not person.is_active:
        raise AccountDeactivated(person.email)


def require_proof(person: User) -> None:
    """Raise AddressUnproven if nobody has proven to have the address of this account."""
    if not person.address_proof:
        raise AddressUnproven(person.email)


def require_able_to_join(person: User) -> None:
    """Raise AccountDeactivated or AddressUnproven if this account gets no access to an organization."""
    require_active(person)
    require_proof(person)


def is_last_owner(membership: Membership) -> bool:
    """Whether this is an owner of the organization and nobody else is one who can sign in."""
    rows = Membership.objects.filter(organization=membership.organization_id, role=Role.OWNER, user__is_active=True)
    return membership.role == Role.OWNER and not rows.exclude(pk=membership.pk).exists()


def require_another_owner(membership: Membership) -> None:
    """Raise LastOwner if nobody else owns the organization. A deactivated owner doesn't count."""
    if is_last_owner(membership):
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
