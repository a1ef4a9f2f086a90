"""An organization that requires a second factor of its members, from a time on that an owner chooses.

API keys still work after it: nobody signs in with one, and owners see and end them. All members get an email when the
requirement is switched on or off.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from groups.models import Occurrence
from groups.rules import quotas
from groups.rules.events import note_of_organization
from portal.accounts.factor_rows import is_protected
from portal.models import Organization, User
from portal.organizations.rules import require_owner
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor, ActorKind
from registries.foundation.clock import database_now
from registries.foundation.ids import UserId
from registries.foundation.refusal import Refusal

MAX_GRACE_DAYS = 30


class OwnFactorMissing(Refusal):
    """Who switches the requirement on would lock themselves out."""

    code = "own_second_factor_missing"
    title = "You have no second factor yourself"

    def __init__(self) -> None:
        super().__init__("Set up a passkey or an authenticator app first, then require it of others.")


def require_factors(organization: Organization, *, grace_days: int, by: Actor) -> None:
    """Require a second factor of all members after a grace time of 0 to MAX_GRACE_DAYS days. Raises OwnFactorMissing
    if the person has none, and NoLongerOwner."""
    with transaction.atomic():
        quotas.lock_organization(organization.pk)
        require_owner(by, organization.pk)
        if by.kind is ActorKind.PERSON and not is_protected(User.objects.get(pk=UserId(int(by.id))).second_factors):
            raise OwnFactorMissing
        days = max(0, min(grace_days, MAX_GRACE_DAYS))
        starts_at = database_now() + timedelta(days=days)
        Organization.objects.filter(pk=organization.pk).update(second_factor_required_from=starts_at)
        note_of_organization(organization.pk, Occurrence.Kind.FACTOR_REQUIRED)
        record(
            by,
            "organization.second_factor_required",
            Target("organization", organization.pk, organization.name),
            organization_id=organization.pk,
            detail="at once" if days == 0 else f"after {days} days",
        )


def stop_requiring_factors(organization: Organization, *, by: Actor) -> bool:
    """Require no second factor any more. Returns whether one was required. Raises NoLongerOwner."""
    with transaction.atomic():
        quotas.lock_organization(organization.pk)
        require_owner(by, organization.pk)
        rows = Organization.objects.filter(pk=organization.pk, second_factor_required_from__isnull=False)
        if not rows.update(second_factor_required_from=None):
            return False
        note_of_organization(organization.pk, Occurrence.Kind.FACTOR_OPTIONAL)
        record(
            by,
            "organization.second_factor_optional",
            Target("organization", organization.pk, organization.name),
            organization_id=organization.pk,
        )
    return True
