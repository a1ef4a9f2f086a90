"""What an organization may have, and has."""

from __future__ import annotations

from typing import Any

from django.db.models import Sum
from ninja import Router

from groups.api.answers import moment
from groups.api.responses import reading
from groups.api.schemas.instance import Quotas
from groups.models import ContainerGroup

router = Router(tags=["quotas"], by_alias=True, exclude_unset=True)

NO_LIMIT = 2_147_483_647
_RUNS = [ContainerGroup.Status.DEPLOYING, ContainerGroup.Status.RUNNING]


@router.get("/organizations/{organization_name}/quotas", response=reading(Quotas), operation_id="get_quotas")
def get_quotas(request: Any, organization_name: str) -> dict[str, Any]:
    """Replicas of the groups that run. There is no limit to them but the nodes, so the quota is the largest number."""
    organization = request.organization
    running = ContainerGroup.objects.filter(organization=organization, status__in=_RUNS)
    used = running.aggregate(sum=Sum("replicas"))["sum"] or 0
    made = moment(organization.created_at)
    return {
        "container_groups_quotas": {
            "container_replicas_quota": NO_LIMIT,
            "container_replicas_used": min(used, NO_LIMIT),
        },
        "create_time": made,
        "update_time": made,
    }
