"""Rules of a team: nobody is a member twice, and there is always an owner. Callers have locked the organization."""

from __future__ import annotations

from portal.models import Membership, Organization, Role
from portal.organizations.errors import LastOwner, TeamRefused


def refuse_member(organization: Organization, email: str) -> None:
    """Raise TeamRefused if somebody with this email address is a member."""
    if Membership.objects.filter(organization=organization, user__email=email).exists():
        raise TeamRefused(f"{email} is a member already.", field="email")


def require_another_owner(membership: Membership) -> None:
    """Raise LastOwner if this is the organization's only owner."""
    owners = Membership.objects.filter(organization=membership.organization_id, role=Role.OWNER)
    if membership.role == Role.OWNER and not owners.exclude(pk=membership.pk).exists():
        raise LastOwner
