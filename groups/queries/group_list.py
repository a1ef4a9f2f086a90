"""The rows of the groups' list: found, filtered and counted in a number of queries that does not grow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import Count, Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from groups.models import ContainerGroup, Failure, Image, Instance
from registries.failures import describe
from registries.providers.recognise import recognise

PAGE_SIZE = 50
BUSY_SECONDS = 4
CALM_SECONDS = 20
Status = ContainerGroup.Status
SORTS = {
    "name": ("Name", "name", "-name"),
    "state": ("State", "status", "-status"),
    "size": ("Size", F("image__total_bytes").asc(nulls_first=True), F("image__total_bytes").desc(nulls_last=True)),
    "changed": ("Changed", "changed_at", "-changed_at"),
}
"""What the list can be sorted by: its head, upwards and downwards."""
BIGGEST_FIRST = {"size", "changed"}
_MOVING = {Status.PENDING, Status.DEPLOYING}


@dataclass(frozen=True)
class Head:
    """A column's head: where it leads, and which way the list is sorted by it now, if at all."""

    label: str
    address: str
    direction: str


@dataclass
class Listing:
    """One page of a project's groups. `counts` are those of the project by state, whatever is searched for."""

    page: Page[Any]
    counts: list[tuple[str, int]]
    total: int
    search: str = ""
    status: str = ""
    sort: str = "name"

    @property
    def heads(self) -> dict[str, Head]:
        """The heads that sort, by column."""
        return {key: self._head(key, label) for key, (label, *_) in SORTS.items()}

    def _head(self, key: str, label: str) -> Head:
        up, down = key, f"-{key}"
        first = down if key in BIGGEST_FIRST else up
        other = {up: down, down: up}.get(self.sort, first)
        direction = {up: "ascending", down: "descending"}.get(self.sort, "")
        return Head(label, self.address(sort=other), direction)

    def address(self, **changes: str) -> str:
        """The query of this list with something changed; a change of what is listed begins at the first page."""
        kept = {"q": self.search, "state": self.status, "sort": self.sort if self.sort != "name" else ""} | changes
        return "?" + urlencode({name: value for name, value in kept.items() if value})

    @property
    def states(self) -> list[tuple[str, int, str]]:
        """The filters: state, how many, and the address."""
        return [(value, count, self.address(state=value)) for value, count in self.counts]

    @property
    def all_address(self) -> str:
        return self.address(state="")

    @property
    def keep(self) -> str:
        """What the addresses of other pages carry on."""
        rest = self.address()[1:]
        return f"&{rest}" if rest else ""

    @property
    def poll_seconds(self) -> int:
        """Busy lists ask again sooner."""
        return BUSY_SECONDS if any(group.status in _MOVING for group in self.page) else CALM_SECONDS


def list_groups(
    project: Any, *, search: str = "", status: str = "", sort: str = "", page: str | None = None
) -> Listing:
    """Return a page of the project's groups. An unknown state, order or page is taken for none."""
    rows = ContainerGroup.objects.filter(project=project)
    counted = dict(rows.order_by().values_list("status").annotate(Count("id")))
    status = status if status in ContainerGroup.Status.values else ""
    sort = sort if sort.removeprefix("-") in SORTS else "name"
    search = search.strip()[:100]
    if status:
        rows = rows.filter(status=status)
    if search:
        rows = rows.filter(Q(name__icontains=search) | Q(image__reference__icontains=search))
    up = Instance.objects.filter(group=OuterRef("pk"), state=Instance.State.RUNNING)
    failures = Failure.objects.filter(group=OuterRef("pk")).order_by("-created_at")
    rows = (
        rows.select_related("image")
        .defer("environment", "command", "image__config")
        .annotate(
            ending=Exists(Instance.objects.filter(group=OuterRef("pk"))),
            failure_code=Subquery(failures.values("code")[:1]),
            failure_params=Subquery(failures.values("params")[:1]),
            up=Coalesce(Subquery(up.order_by().values("group").annotate(n=Count("id")).values("n")), 0),
        )
    )
    listing = Listing(
        page=Paginator(rows.order_by(_order(sort), "name"), PAGE_SIZE).get_page(page),
        counts=[(value, counted[value]) for value in ContainerGroup.Status.values if value in counted],
        total=sum(counted.values()),
        search=search,
        status=status,
        sort=sort,
    )
    for group in listing.page:
        group.sentence = _in_short(group)
        group.kind = group.image.provider or recognise(group.image.registry).kind
    return listing


def _order(sort: str) -> Any:
    _, up, down = SORTS[sort.removeprefix("-")]
    return down if sort.startswith("-") else up


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
