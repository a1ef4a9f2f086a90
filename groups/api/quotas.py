"""The quotas of an organization and their use."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, cast

from ninja import Router

from groups.api.representations import moment
from groups.api.responses import reading
from groups.api.schemas.instance import Quotas
from groups.rules.quotas import Organization, quota_of, usage
from registries.foundation.requests import ApiRequest

router = Router(tags=["quotas"], by_alias=True, exclude_unset=True)

NO_LIMIT = 2_147_483_647


class _Organization(Organization, Protocol):
    created_at: datetime


@router.get("/organizations/{organization_name}/quotas", response=reading(Quotas), operation_id="get_quotas")
def get_quotas(request: ApiRequest, organization_name: str) -> dict[str, object]:
    """Get the number of replicas of all groups, running or not, and the limit. Without a limit it is the largest
    possible number."""
    organization = cast("_Organization", request.organization)
    used = usage(organization.pk).replicas
    limit = quota_of(organization).max_replicas
    created = moment(organization.created_at)
    return {
        "container_groups_quotas": {
            "container_replicas_quota": NO_LIMIT if limit is None else min(limit, NO_LIMIT),
            "container_replicas_used": min(used, NO_LIMIT),
        },
        "create_time": created,
        "update_time": created,
    }
