"""The quotas of an organization and their use."""

from __future__ import annotations

from typing import Any

from ninja import Router

from groups.api.representations import moment
from groups.api.responses import reading
from groups.api.schemas.instance import Quotas
from groups.rules.quotas import quota_of, usage

router = Router(tags=["quotas"], by_alias=True, exclude_unset=True)

NO_LIMIT = 2_147_483_647


@router.get("/organizations/{organization_name}/quotas", response=reading(Quotas), operation_id="get_quotas")
def get_quotas(request: Any, organization_name: str) -> dict[str, Any]:
    """Get the number of replicas of all groups, running or not, and the limit. Without a limit it is the largest
    possible number."""
    organization = request.organization
    used = usage(organization.pk).replicas
    most = quota_of(organization).max_replicas
    made = moment(organization.created_at)
    return {
        "container_groups_quotas": {
            "container_replicas_quota": NO_LIMIT if most is None else min(most, NO_LIMIT),
            "container_replicas_used": min(used, NO_LIMIT),
        },
        "create_time": made,
        "update_time": made,
    }
