"""An organization's groups at a glance: states, what needs attention, what runs and what is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypedDict, cast

from django.db.models import Count, OuterRef, QuerySet, Subquery, Sum

from groups.models import ContainerGroup, Failure, Image, Instance
from groups.queries.bars import segments
from groups.queries.group_list import failure_title
from groups.rules import quotas
from registries.foundation.ids import FailureId, OrganizationId
from registries.models import Credential

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    class _NewestFailure(TypedDict):
        failure_id: FailureId | None
        failure_code: str | None
        failure_params: dict[str, object] | None

    _FailedGroup: TypeAlias = WithAnnotations[ContainerGroup, _NewestFailure]

MAX_LISTED = 6
Status = ContainerGroup.Status


@dataclass(frozen=True)
class Share:
    """One state's part of the bar, in its units (`groups.queries.bars`)."""

    status: str
    count: int
    x: float
    width: float


@dataclass(frozen=True)
class FailedGroup:
    """A failed group with its newest failure. `title` is empty if none was recorded."""

    group: ContainerGroup
    failure_id: FailureId | None
    title: str


@dataclass(frozen=True)
class Overview:
    """What the first page shows. `running` of `wanted` replicas run; `pulling`, `waiting` (pulls in the queue) and
    `credentials` are counts."""

    total: int
    shares: list[Share]
    failed: list[FailedGroup]
    ready: list[ContainerGroup]
    running: int
    wanted: int
    stored_bytes: int
    pulling: int
    waiting: int
    credentials: int


def organization_overview(organization_id: OrganizationId) -> Overview:
    """Return the overview of an organization's groups, in a constant number of queries."""
    rows = ContainerGroup.objects.filter(organization=organization_id)
    counted = dict(rows.order_by().values_list("status").annotate(Count("id")))
    newest = Failure.objects.filter(group=OuterRef("pk")).order_by("-created_at")
    failed = cast(
        "QuerySet[_FailedGroup]",
        rows.filter(status=Status.FAILED)
        .select_related("project", "image")
        .defer("environment", "command", "image__config")
        .annotate(
            failure_id=Subquery(newest.values("pk")[:1]),
            failure_code=Subquery(newest.values("code")[:1]),
            failure_params=Subquery(newest.values("params")[:1]),
        )
        .order_by("-changed_at")[:MAX_LISTED],
    )
    ready = list(
        rows.filter(status=Status.STOPPED, replicas__gt=0)
        .select_related("project", "image")
        .defer("environment", "command", "image__config")
        .order_by("-changed_at")[:MAX_LISTED]
    )
    active = rows.active().aggregate(n=Sum("replicas"))["n"]
    up = Instance.objects.filter(group__organization=organization_id, state=Instance.State.RUNNING).count()
    return Overview(
        total=sum(counted.values()),
        shares=_shares(counted),
        failed=[
            FailedGroup(group, group.failure_id, failure_title(group.failure_code, group.failure_params))
            for group in failed
        ],
        ready=ready,
        running=up,
        wanted=active or 0,
        stored_bytes=quotas.stored_bytes(organization_id),
        pulling=quotas.pulls_in_progress(organization_id),
        waiting=Image.objects.filter(organization=organization_id, status=Image.Status.QUEUED).count(),
        credentials=Credential.objects.live().filter(organization=organization_id).count(),
    )


def _shares(counted: dict[str, int]) -> list[Share]:
    """Parts in proportion, none too thin to be seen."""
    present = [(value, counted[value]) for value in Status.values if counted.get(value)]
    parts = segments([count for _, count in present], gap=4.0, min_length=20.0)
    return [Share(value, count, part.start, part.length) for (value, count), part in zip(present, parts, strict=True)]
