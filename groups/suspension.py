"""What a suspended organization has going on comes to its end: groups stop, tokens and sessions end, pulls fail.

That nothing new begins is `groups.quotas`'s; who suspends is the portal's, which records it. Each thing ends in a
transaction of its own, since one for all of them would hold every group, image and credential of the organization at
once. What slips through is ended by the next sweep.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q

from groups.delivery import tokens
from groups.delivery.tokens import Ended
from groups.failures import OrganizationSuspended
from groups.ingest import settle
from groups.instances import stop_group
from groups.models import ContainerGroup, Image, NodeToken
from groups.states import Stale


def halt(organization_id: int) -> int:
    """End what goes on; return how many groups, tokens and pulls that were. Called once the transaction that suspends
    the organization has committed, not inside it. Records only the credentials that are destroyed."""
    ended = 0
    for group in ContainerGroup.objects.active().filter(organization_id=organization_id):
        try:
            with transaction.atomic():
                stop_group(group)
        except Stale:
            continue
        ended += 1
    out = NodeToken.objects.outstanding().filter(organization_id=organization_id)
    ended += tokens.end(out, Ended.SUSPENDED)
    pulls = Image.objects.unsettled().filter(organization_id=organization_id)
    for image_id in pulls.values_list("pk", flat=True):
        ended += settle.refuse(image_id, OrganizationSuspended())
    return ended


def sweep() -> int:
    """End what a suspended organization still has going on; return how much that was."""
    suspended = Q(organization__suspended_at__isnull=False)
    groups = ContainerGroup.objects.active().filter(suspended)
    pulls = Image.objects.unsettled().filter(suspended)
    left = {key for rows in (groups, pulls) for key in rows.values_list("organization", flat=True)}
    return sum(halt(organization_id) for organization_id in left)
