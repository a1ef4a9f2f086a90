"""The rows of the groups' list: found, filtered and counted in a number of queries that does not grow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, Exists, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce

from groups.models import ContainerGroup, Failure, Image, Instance, Layer
from groups.versions import mark
from registries.failures import describe

PAGE_SIZE = 50
BUSY_SECONDS = 4
CALM_SECONDS = 20
Status = ContainerGroup.Status
_MOVING = {Status.PENDING, Status.DEPLOYING}


@dataclass
class Listing:
    """One page of a project's groups. `counts` are those of the project by state, whatever is searched for."""

    page: Page[Any]
    counts: list[tuple[str, int]]
    total: int
    search: str = ""
    status: str = ""
    version: str = field(default="", repr=False)

    @property
    def poll_seconds(self) -> int:
        """Busy lists ask again sooner."""
        return BUSY_SECONDS if any(group.status in _MOVING for group in self.page) else CALM_SECONDS


def list_groups(project: Any, *, search: str = "", status: str = "", page: str | None = None) -> Listing:
    """Return a page of the project's groups. An unknown state or page is taken for none."""
    rows = ContainerGroup.objects.filter(project=project)
    counted = dict(rows.order_by().values_list("status").annotate(Count("id")))
    status = status if status in ContainerGroup.Status.values else ""
    search = search.strip()[:100].replace("\0", "")
    if status:
        rows = rows.filter(status=status)
    if search:
        rows = rows.filter(Q(name__icontains=search) | Q(image__reference__icontains=search))
    up = Instance.objects.filter(group=OuterRef("pk"), state=Instance.State.RUNNING)
    received = Layer.objects.filter(image=OuterRef("image"))
    failures = Failure.objects.filter(group=OuterRef("pk")).order_by("-created_at")
    rows = rows.select_related("image").annotate(
        ending=Exists(Instance.objects.filter(group=OuterRef("pk"))),
        failure_code=Subquery(failures.values("code")[:1]),
        failure_params=Subquery(failures.values("params")[:1]),
        up=Coalesce(Subquery(up.order_by().values("group").annotate(n=Count("id")).values("n")), 0),
        received=Coalesce(Subquery(received.order_by().values("image").annotate(n=Sum("received")).values("n")), 0),
    )
    listing = Listing(
        page=Paginator(rows.order_by("name"), PAGE_SIZE).get_page(page),
        counts=[(value, counted[value]) for value in ContainerGroup.Status.values if value in counted],
        total=sum(counted.values()),
        search=search,
        status=status,
    )
    for group in listing.page:
        group.sentence = _in_short(group)
    listing.version = mark(
        [
            (each.pk, each.status, each.changed_at, each.up, each.received, each.sentence, each.image.total_bytes)
            for each in listing.page
        ],
        listing.counts,
    )
    return listing


def _in_short(group: Any) -> str:
    """A few words beside the state, from what the row itself knows."""
    image = group.image
    match group.status:
        case Status.DEPLOYING:
            return f"{group.up} of {group.replicas} running"
        case Status.STOPPED:
            return "Stopping" if group.ending else "Ready to start"
        case Status.FAILED:
            return describe(group.failure_code, group.failure_params or {}).title if group.failure_code else ""
        case Status.PENDING if image.status == Image.Status.PULLING:
            return "Pulling"
        case Status.PENDING:
            return describe(image.retry_code, image.retry_params).title if image.retry_code else "Waiting for a worker"
    return ""
