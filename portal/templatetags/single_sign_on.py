"""Single sign-on on pages of lower rooms."""

from __future__ import annotations

from django import template

from portal.accounts.sso.providers import speaks_for
from portal.models import Invitation

register = template.Library()


@register.simple_tag
def has_sso(invitation: Invitation) -> bool:
    """Whether the inviting organization has a provider that is believed about the invited address."""
    return speaks_for(invitation.organization_id, invitation.email)
