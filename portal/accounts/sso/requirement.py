"""Whether an organization is open to single sign-on only.

The organization itself says so, not its provider: without the provider's row it stays closed. The activity says when it
was closed, and the database lets nobody change or delete such a row. Only a mark that the portal made since then says
that it was opened again; a row of the activity doesn't, since whoever writes to the database can append one. The
sweeper closes an organization again that is open without such a mark.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from django.db import transaction
from django.db.models import OuterRef, Q, Subquery

from groups.rules import quotas
from portal.models import Activity, Organization
from registries.foundation.activity import Target, record
from registries.foundation.actor import PORTAL, Actor
from registries.foundation.ids import OrganizationId
from registries.secrets import sso_marks
from registries.secrets.sso_marks import Marked

REQUIRED, OPTIONAL = "organization.sso_required", "organization.sso_optional"
MAX_AT_ONCE = 100


def is_required(organization_id: OrganizationId) -> bool:
    """Whether only sessions of its provider open the organization, and those of owners with a second factor."""
    rows = Organization.objects.filter(pk=organization_id)
    return rows.filter(Q(requires_sso=True) | Q(sso_provider__requires_sso=True)).exists()


def note_requirement(organization_id: OrganizationId, required: bool, *, by: Actor, detail: str = "") -> None:
    """Store and record that a locked organization is open to single sign-on only, or no longer."""
    rows = Organization.objects.filter(pk=organization_id)
    rows.update(requires_sso=required, sso_opened_mark="" if required else _mark(organization_id))
    target = Target("organization", organization_id, rows.values_list("name", flat=True)[0])
    record(by, REQUIRED if required else OPTIONAL, target, organization_id=organization_id, detail=detail)


def restore() -> int:
    """Close organizations again that are open although the portal has not opened them since they were closed. Returns
    how many. For the sweeper."""
    return sum(map(_close, list(islice(_opened_elsewhere(), MAX_AT_ONCE))))


def _close(organization_id: OrganizationId) -> bool:
    with transaction.atomic():
        quotas.lock_organization(organization_id)
        if organization_id not in _opened_elsewhere(organization_id):
            return False
        note_requirement(organization_id, True, by=PORTAL, detail="it was changed outside the portal")
    return True


def _opened_elsewhere(*only: OrganizationId) -> Iterator[OrganizationId]:
    """Organizations that were closed to other sign-ins once, are open, and have no mark of that."""
    rows = Organization.objects.filter(requires_sso=False, **({"pk__in": only} if only else {}))
    closed_at = Activity.objects.filter(organization=OuterRef("pk"), action=REQUIRED).order_by("-number")
    rows = rows.annotate(closed_at=Subquery(closed_at.values("number")[:1])).filter(closed_at__isnull=False)
    for row in rows.iterator():
        if not sso_marks.is_marked(row.sso_opened_mark, Marked.OPENED, row.pk, row.closed_at):
            yield row.pk


def _mark(organization_id: OrganizationId) -> str:
    """The mark of an organization that is opened now. It covers the row of the activity with which it was closed, so
    one from before doesn't fit."""
    rows = Activity.objects.filter(organization=organization_id, action=REQUIRED).order_by("-number")
    return sso_marks.mark_of(Marked.OPENED, organization_id, rows.values_list("number", flat=True).first())
