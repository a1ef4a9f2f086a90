"""Operators' actions on an organization: changing its limits, suspending and resuming it.

A suspension stops the organization's groups, ends its tokens and sessions, fails its pulls, and destroys the
credentials that failed pulls have kept. Each of them ends in a
transaction of its own: a single one would lock every group, image and credential of the organization. The sweeper ends
what was missed. `groups.rules.quotas` refuses anything new.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from groups.delivery import tokens
from groups.delivery.tokens import EndReason
from groups.failures import OrganizationSuspended
from groups.ingest import outcome
from groups.ingest.credential_hold import stop_keeping
from groups.models import ContainerGroup, Image, NodeToken, Quota
from groups.rules.quotas import lock_organization
from groups.rules.replicas import stop_group
from groups.rules.states import Stale
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor
from registries.foundation.ids import OrganizationId
from registries.foundation.units import format_size


def suspend(organization_id: OrganizationId, *, reason: str, by: Actor) -> bool:
    """Suspend the organization: nothing of it runs or is pulled. Its members read the reason. Returns False if it was
    suspended already."""
    with transaction.atomic():
        quota = lock_organization(organization_id)
        if quota.suspended_at is not None:
            return False
        Quota.objects.filter(pk=quota.pk).update(suspended_at=Now(), suspended_because=reason)
        _record(quota, "operator.suspended", detail=reason, by=by)
    _halt(organization_id)
    return True


def resume(organization_id: OrganizationId, *, by: Actor) -> bool:
    """End the suspension; members start their groups themselves. Returns whether the organization was suspended."""
    with transaction.atomic():
        quota = lock_organization(organization_id)
        if quota.suspended_at is None:
            return False
        Quota.objects.filter(pk=quota.pk).update(suspended_at=None, suspended_because="")
        _record(quota, "operator.resumed", by=by)
    return True


def change_limits(organization_id: OrganizationId, limits: Mapping[str, int | None], *, by: Actor) -> bool:
    """Set these limits, by column of Quota (`Quota.LIMITS`); the others stay. None is no limit. Returns whether
    anything changed."""
    with transaction.atomic():
        quota = lock_organization(organization_id)
        before = {name: getattr(quota, name) for name in Quota.LIMITS}
        after = {name: limits[name] for name in Quota.LIMITS if limits.get(name, before[name]) != before[name]}
        if not after:
            return False
        Quota.objects.filter(pk=quota.pk).update(**after)
        record(
            by,
            "operator.changed",
            Target("organization", organization_id, "limits"),
            organization_id=organization_id,
            detail=", ".join(_limit_in_words(name, value) for name, value in after.items()),
            before={name: before[name] for name in after},
            after=after,
        )
    return True


def sweep() -> int:
    """End what suspended organizations still run, pull or keep credentials for; return the number of groups, tokens and
    pulls."""
    suspended = Q(organization__in=Quota.objects.suspended().values("pk"))
    groups = ContainerGroup.objects.active().filter(suspended)
    pulls = Image.objects.holding().filter(suspended)
    organizations = {key for rows in (groups, pulls) for key in rows.values_list("organization", flat=True)}
    return sum(_halt(organization_id) for organization_id in organizations)


def _halt(organization_id: OrganizationId) -> int:
    """Stop groups, end tokens and fail pulls; return how many. Called after the transaction that suspends the
    organization, not inside it. Records only the credentials that are destroyed."""
    ended = 0
    for group in ContainerGroup.objects.active().filter(organization_id=organization_id):
        try:
            with transaction.atomic():
                stop_group(group)
        except Stale:
            continue
        ended += 1
    issued = NodeToken.objects.outstanding().filter(organization_id=organization_id)
    ended += tokens.end(issued, EndReason.SUSPENDED)
    pulls = Image.objects.unsettled().filter(organization_id=organization_id)
    for image_id in pulls.values_list("pk", flat=True):
        ended += outcome.fail_unsettled(image_id, OrganizationSuspended())
    return ended + stop_keeping(organization_id)


def _record(quota: Quota, action: str, *, detail: str = "", by: Actor) -> None:
    target = Target("organization", quota.organization_id, quota.organization.name)
    record(by, action, target, organization_id=quota.organization_id, detail=detail)


def _limit_in_words(name: str, value: int | None) -> str:
    if value is None:
        words = "the portal's" if name == "max_image_bytes" else "no limit"
    else:
        words = format_size(value) if name.endswith("bytes") else str(value)
    return f"{Quota.LIMITS[name]}: {words}"
