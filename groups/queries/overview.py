"""An organization's groups at a glance: how many are in which state, what waits for somebody, what is held and runs.

Reads rows in a number of queries that does not grow; decides nothing and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, OuterRef, Subquery, Sum

from groups.models import ContainerGroup, Failure, Instance
from groups.queries.bars import segments
from groups.rules import quotas
from registries.failures import describe
from registries.models import Credential

MAX_WANTING = 6
Status = ContainerGroup.Status


@dataclass(frozen=True)
class Share:
    """One state's part of the bar."""

    status: str
    count: int
    x: float
    width: float


@dataclass
class Overview:
    """What the first page shows. `failed` are groups with `failure_id` and `words` of their newest failure."""

    total: int
    shares: list[Share]
    failed: list[Any]
    ready: list[Any]
    running: int
    wanted: int
    stored_bytes: int
    pulling: int
    credentials: int


def organization_overview(organization: Any) -> Overview:
    """Read the organization's groups."""
    rows = ContainerGroup.objects.filter(organization=organization)
    counted = dict(rows.order_by().values_list("status").annotate(Count("id")))
    newest = Failure.objects.filter(group=OuterRef("pk")).order_by("-created_at")
    failed: list[Any] = list(
        rows.filter(status=Status.FAILED)
        .select_related("project", "image")
        .defer("environment", "command", "image__config")
        .annotate(
            failure_id=Subquery(newest.values("pk")[:1]),
            failure_code=Subquery(newest.values("code")[:1]),
            failure_params=Subquery(newest.values("params")[:1]),
        )
        .order_by("-changed_at")[:MAX_WANTING]
    )
    for group in failed:
        group.words = describe(group.failure_code, group.failure_params or {}) if group.failure_code else None
    ready = list(
        rows.filter(status=Status.STOPPED, replicas__gt=0)
        .select_related("project", "image")
        .defer("environment", "command", "image__config")
        .order_by("-changed_at")[:MAX_WANTING]
    )
    active = rows.active().aggregate(n=Sum("replicas"))["n"]
    up = Instance.objects.filter(group__organization=organization, state=Instance.State.RUNNING).count()
    return Overview(
        total=sum(counted.values()),
        shares=_shares(counted),
        failed=failed,
        ready=ready,
        running=up,
        wanted=active or 0,
        stored_bytes=quotas.stored_bytes(organization.pk),
        pulling=quotas.pulls_in_progress(organization.pk),
        credentials=Credential.objects.live().filter(organization=organization).count(),
    )


def _shares(counted: dict[str, int]) -> list[Share]:
    """Parts in proportion, none too thin to be seen."""
    present = [(value, counted[value]) for value in Status.values if counted.get(value)]
    parts = segments([count for _, count in present], gap=4.0, min_length=20.0)
    return [Share(value, count, part.start, part.length) for (value, count), part in zip(present, parts, strict=True)]
