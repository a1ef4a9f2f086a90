"""Quotas for tests that need one to be so, whoever set it."""

from __future__ import annotations

from datetime import datetime

from groups.models import Quota
from groups.rules.quotas import read_quota
from portal.models import Organization


def set_quota(organization: Organization, **columns: int | str | datetime | None) -> None:
    """Write these columns of the organization's quota. What was read of it before is read again."""
    Quota.objects.update_or_create(organization_id=organization.pk, defaults=columns)
    organization.refresh_from_db()


def quota_row(organization: Organization) -> Quota:
    """The organization's quota as it is in the database, without limits where there is none."""
    return read_quota(organization.pk)
