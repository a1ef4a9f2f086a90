"""Whether an organization is open to single sign-on only.

The organization itself says so, not its provider: without the provider's row it stays closed. The activity, in which
the database lets nobody change or delete a row, says so too, and the sweeper closes an organization again whose column
was changed past the portal.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from groups.rules import quotas
from portal.models import Activity, Organization
from registries.foundation.activity import Target, record
from registries.foundation.actor import PORTAL, Actor
from registries.foundation.ids import OrganizationId

REQUIRED, OPTIONAL = "organization.sso_required", "organization.sso_optional"


def is_required(organization_id: OrganizationId) -> bool:
    """Whether only sessions of its provider open the organization, and those of owners with a second factor."""
    rows = Organization.objects.filter(pk=organization_id)
    return rows.filter(Q(requires_sso=True) | Q(sso_provider__requires_sso=True)).exists()


def note_requirement(organization_id: OrganizationId, required: bool, *, by: Actor, detail: str = "") -> None:
    """Store and record that a locked organization is open to single sign-on only, or no longer."""
    rows = Organization.objects.filter(pk=organization_id)
    rows.update(requires_sso=required)
    target = Target("organization", organization_id, rows.values_list("name", flat=True)[0])
    record(by, REQUIRED if required else OPTIONAL, target, organization_id=organization_id, detail=detail)


def restore() -> int:
    """Close organizations again that are open although the last that the activity says is that they are closed. Returns
    how many. For the sweeper."""
    opened = list(_opened().values_list("pk", flat=True)[:100])
    return sum(_close(OrganizationId(organization_id)) for organization_id in opened)


def _close(organization_id: OrganizationId) -> bool:
    with transaction.atomic():
        quotas.lock_organization(organization_id)
        if not _opened().filter(pk=organization_id).exists():
            return False
        note_requirement(organization_id, True, by=PORTAL, detail="it was changed outside the portal")
    return True


def _opened() -> QuerySet[Organization]:
    """Organizations whose column says something else than their activity."""
    open_now = Organization.objects.filter(requires_sso=False).annotate(
        required_at=_last(REQUIRED), optional_at=_last(OPTIONAL)
    )
    return open_now.filter(required_at__isnull=False).filter(
        Q(optional_at__isnull=True) | Q(required_at__gt=F("optional_at"))
    )


def _last(action: str) -> Subquery:
    """The number of the newest row of this action in the activity of an organization."""
    rows = Activity.objects.filter(organization=OuterRef("pk"), action=action).order_by("-number")
    return Subquery(rows.values("number")[:1])
