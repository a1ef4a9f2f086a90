"""Context of every page's frame: organization, project and role."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from portal.accounts import passkeys
from portal.accounts.sso.access import organizations_of
from portal.models import Organization, Role, User
from portal.support.readers import unread


def frame(request: HttpRequest) -> dict[str, object]:
    """Return `organization`, `project`, `role`, `may_edit`, `my_organizations`, the support address, the name of the
    portal's single sign-on, whether passkeys work on the portal's address and which that is, and how many answers of
    support this person hasn't read. Lists and counts are queried only if a template uses them."""
    user = getattr(request, "user", None)
    role: Role | None = getattr(request, "role", None)
    signed_in = user is not None and user.is_authenticated
    organization = getattr(request, "organization", None)
    return {
        "organization": organization,
        "project": getattr(request, "project", None) or None,
        "role": role,
        "may_edit": role is not None and role.rank >= Role.MEMBER.rank,
        "my_organizations": organizations_of(request) if signed_in else [],
        "unread_answers": SimpleLazyObject(lambda: _unread(organization, user)),
        "passkeys_available": passkeys.are_available(),
        "passkeys_origin": passkeys.origin(),
        "support_email": settings.PORTAL_SUPPORT_EMAIL,
        "sso_name": settings.PORTAL_SSO_NAME if settings.PORTAL_SSO_ISSUER else "",
    }


def _unread(organization: Organization | None, user: User | AnonymousUser | None) -> int:
    return unread(organization.pk, user).count() if organization is not None and isinstance(user, User) else 0
