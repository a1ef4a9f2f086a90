"""Whether a session opens an organization, by how the person signed in."""

from __future__ import annotations

from enum import StrEnum

from django.db.models import QuerySet
from django.http import HttpRequest

from portal.accounts.sso.session import has_second_factor, session_of
from portal.models import Organization, Role
from portal.organizations.access import Access


class Needed(StrEnum):
    """What is missing in a session that doesn't open an organization."""

    SSO = "sso"
    OTHER_SIGN_IN = "other_sign_in"


def organizations_of(request: HttpRequest) -> QuerySet[Organization]:
    """Return the person's organizations that this session may know of: a limited one only those that it opens."""
    rows = Organization.objects.filter(memberships__user=request.user.pk)
    found = session_of(request)
    return rows.filter(pk__in=found.organizations) if found.limited else rows


def missing_sign_in(request: HttpRequest, access: Access) -> Needed | None:
    """Return what the session lacks to open the organization of `access`; None if it opens it.

    Owners with a second factor open an organization that is only for its single sign-on, so that a provider that is
    down locks nobody out.
    """
    found = session_of(request)
    if access.organization_id in found.organizations:
        return None
    if access.requires_sso:
        is_break_glass = access.role is Role.OWNER and not found.limited and has_second_factor(request)
        return None if is_break_glass else Needed.SSO
    return Needed.OTHER_SIGN_IN if found.limited else None
