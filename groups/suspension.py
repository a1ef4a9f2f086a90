"""What a suspended organization has going on comes to its end: groups stop, tokens and sessions end, pulls fail.

That nothing new begins is `groups.quotas`'s; who suspends is the portal's. Each thing ends in a transaction of its
own, and what slips through is ended by the next sweep.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from groups import actions
from groups.delivery import tokens
from groups.delivery.tokens import Ended
from groups.failures import OrganizationSuspended
from groups.ingest import settle
from groups.models import ContainerGroup, Image, NodeToken
from groups.states import Stale


def halt(organization_id: Any) -> int:
    """End what goes on; return how many groups, tokens and pulls that were."""
    ended = 0
    for group in ContainerGroup.objects.active().filter(organization_id=organization_id):
        try:
            actions.stop(group)
            ended += 1
        except Stale:
            continue
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
    left = {each for rows in (groups, pulls) for each in rows.values_list("organization", flat=True)}
    return sum(halt(organization_id) for organization_id in left)
