"""How many sign-ins of an organization's members were refused recently, and the email to its owners about many.

A limit by organization would tell strangers who is a member (decision 21). A number that owners see tells nobody else.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Case, F, IntegerField, Q, Sum, Value, When
from django.db.models.functions import Now

from groups.models import Occurrence
from groups.rules.events import note_of_organization
from portal.models import Membership, Organization, RefusedSignIn
from registries.foundation.ids import OrganizationId

ALERT_FROM = 50
"""Refused sign-ins of its members after which an organization's owners get an email."""
ONE_EMAIL_EVERY = timedelta(days=1)
_TIMES = Sum(
    Case(When(recorded_at__isnull=True, then=Value(1)), default=F("times"), output_field=IntegerField()), default=0
)


def recent_refusals(organization_id: OrganizationId) -> int:
    """Return how many sign-ins of the organization's present members were refused in the last two hours. The sweeper
    forgets older ones: an hour after it appended them, and it appends within an hour."""
    members = Membership.objects.filter(organization=organization_id).values("user_id")
    total: int = RefusedSignIn.objects.filter(person_id__in=members).aggregate(total=_TIMES)["total"]
    return total


def sweep() -> dict[str, int]:
    """Write an event for each organization with `ALERT_FROM` refusals or more, once in `ONE_EMAIL_EVERY`. Returns how
    many."""
    by_organization = RefusedSignIn.objects.filter(person__memberships__isnull=False).order_by()
    counted = by_organization.values("person__memberships__organization").annotate(total=_TIMES)
    alarmed = counted.filter(total__gte=ALERT_FROM).values_list("person__memberships__organization", flat=True)
    return {"owners_alerted": sum(_alert(OrganizationId(key)) for key in sorted(alarmed, key=str))}


def _alert(organization_id: OrganizationId) -> bool:
    kind = Occurrence.Kind.SIGN_INS_REFUSED
    with transaction.atomic():
        # Locked, so that of two sweepers one alerts.
        if not Organization.objects.select_for_update(no_key=True).filter(pk=organization_id).exists():
            return False
        recent = Q(organization=organization_id, kind=kind, created_at__gt=Now() - ONE_EMAIL_EVERY)
        if Occurrence.objects.filter(recent).exists():
            return False
        note_of_organization(organization_id, kind)
    return True
