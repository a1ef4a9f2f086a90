"""What can be done to organizations and people. One mutation per function."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from portal.models import Membership, Organization, Project, Role, SupportRequest, User


def create_organization(*, slug: str, name: str, owner: User) -> Organization:
    """Make an organization with its project `default` and its owner. Raises IntegrityError for a taken address."""
    with transaction.atomic():
        organization = Organization.objects.create(slug=slug, name=name)
        Project.objects.create(organization=organization, slug="default", name="Default")
        Membership.objects.create(organization=organization, user=owner, role=Role.OWNER)
    return organization


def ask_support(
    *,
    organization: Organization,
    user: User,
    kind: str,
    failure: Any = None,
    registry: str = "",
    message: str = "",
    shares: bool = False,
) -> SupportRequest:
    """Open a request to support. Of a failure that is attached support sees what `portal.desk.consent` says: all of
    it where it is shared, never a secret."""
    return SupportRequest.objects.create(
        organization=organization,
        user=user,
        kind=kind,
        failure=failure,
        registry=registry,
        message=message,
        shares=shares and failure is not None,
    )


def stop_sharing(failure: Any) -> bool:
    """Take a failure back from support, whoever of the organization shared it; return whether it was shared."""
    return bool(SupportRequest.objects.filter(failure=failure, shares=True).update(shares=False))
