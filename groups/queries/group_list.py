"""The list of a project's groups: searched, filtered, sorted and counted in a constant number of queries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypedDict, cast
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import Count, Exists, F, OrderBy, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from groups.models import ContainerGroup, Failure, Image, Instance
from registries.failures import describe
from registries.foundation.ids import ProjectId
from registries.foundation.secret_shapes import redact
from registries.providers.recognise import recognise

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    class _OfGroup(TypedDict):
        ending: bool
        failure_code: str | None
        failure_params: dict[str, object] | None
        up: int

    _ListedGroup: TypeAlias = WithAnnotations[ContainerGroup, _OfGroup]

PAGE_SIZE = 50
MAX_SEARCH_LENGTH = 100
BUSY_SECONDS = 4
CALM_SECONDS = 20
Status = ContainerGroup.Status
SORTS: dict[str, tuple[str, str | OrderBy, str | OrderBy]] = {
    "name": ("Name", "name", "-name"),
    "state": ("State", "status", "-status"),
    "size": ("Size", F("image__total_bytes").asc(nulls_first=True), F("image__total_bytes").desc(nulls_last=True)),
    "changed": ("Changed", "changed_at", "-changed_at"),
}
"""What the list can be sorted by: the column's head, ascending, descending."""
LARGEST_FIRST = {"size", "changed"}
_MOVING = {Status.PENDING, Status.DEPLOYING}


@dataclass(frozen=True)
class Head:
    """A column's head: its link, and the direction in which the list is sorted by it now; empty if it is not."""

    label: str
    address: str
    direction: str


@dataclass(frozen=True)
class GroupRow:
    """One group in the list. `kind` is that of its registry, `running` the number of running replicas, `sentence` a
    few words beside the state."""

    group: ContainerGroup
    kind: str
    running: int
    sentence: str


@dataclass
class Listing:
    """One page of a project's groups. `counts` are those of the project by state, whatever is searched for."""

    page: Page[_ListedGroup]
    rows: list[GroupRow]
    counts: list[tuple[str, int]]
    total: int
    search: str = ""
    status: str = ""
    sort: str = "name"

    @property
    def heads(self) -> dict[str, Head]:
        """The heads of columns that sort, by column."""
        return {key: self._head(key, label) for key, (label, *_) in SORTS.items()}

    def _head(self, key: str, label: str) -> Head:
        up, down = key, f"-{key}"
        first = down if key in LARGEST_FIRST else up
        other = {up: down, down: up}.get(self.sort, first)
        direction = {up: "ascending", down: "descending"}.get(self.sort, "")
        return Head(label, self.address(sort=other), direction)

    def address(self, **changes: str) -> str:
        """The query string of this list with some values changed, at the first page."""
        kept = {"q": self.search, "state": self.status, "sort": self.sort if self.sort != "name" else ""} | changes
        return "?" + urlencode({name: value for name, value in kept.items() if value})

    @property
    def states(self) -> list[tuple[str, int, str]]:
        """The filters: state, number of groups, and address."""
        return [(value, count, self.address(state=value)) for value, count in self.counts]

    @property
    def all_address(self) -> str:
        return self.address(state="")

    @property
    def keep(self) -> str:
        """The part of the query string that links to other pages keep."""
        rest = self.address()[1:]
        return f"&{rest}" if rest else ""

    @property
    def poll_seconds(self) -> int:
        """Seconds until the page polls again."""
        return BUSY_SECONDS if any(row.group.status in _MOVING for row in self.rows) else CALM_SECONDS


def list_groups(
    project_id: ProjectId, *, search: str = "", status: str = "", sort: str = "", page: str | None = None
) -> Listing:
    """Return a page of the project's groups. An unknown state, order or page counts as none."""
    rows = ContainerGroup.objects.filter(project=project_id)
    counted = dict(rows.order_by().values_list("status").annotate(Count("id")))
    status = status if status in ContainerGroup.Status.values else ""
    sort = sort if sort.removeprefix("-") in SORTS else "name"
    # The search is shown again, in the field and in addresses.
    search = redact(search.strip()[:MAX_SEARCH_LENGTH], likely=False)[:MAX_SEARCH_LENGTH]
    if status:
        rows = rows.filter(status=status)
    if search:
        rows = rows.filter(Q(name__icontains=search) | Q(image__reference__icontains=search))
    up = Instance.objects.filter(group=OuterRef("pk"), state=Instance.State.RUNNING)
    failures = Failure.objects.filter(group=OuterRef("pk")).order_by("-created_at")
    listed = (
        rows.select_related("image")
        .defer("environment", "command", "image__config")
        .annotate(
            ending=Exists(Instance.objects.filter(group=OuterRef("pk"))),
            failure_code=Subquery(failures.values("code")[:1]),
            failure_params=Subquery(failures.values("params")[:1]),
            up=Coalesce(Subquery(up.order_by().values("group").annotate(n=Count("id")).values("n")), 0),
        )
    )
    paginator = Paginator(listed.order_by(_order(sort), "name"), PAGE_SIZE)
    shown = cast("Page[_ListedGroup]", paginator.get_page(page))
    return Listing(
        page=shown,
        rows=[_row(group) for group in shown],
        counts=[(value, counted[value]) for value in ContainerGroup.Status.values if value in counted],
        total=sum(counted.values()),
        search=search,
        status=status,
        sort=sort,
    )


def _row(group: _ListedGroup) -> GroupRow:
    kind = group.image.provider or recognise(group.image.registry, group.image.repository).kind
    return GroupRow(group, kind=kind, running=group.up, sentence=_sentence(group))


def _order(sort: str) -> str | OrderBy:
    _, up, down = SORTS[sort.removeprefix("-")]
    return down if sort.startswith("-") else up


def failure_title(code: str | None, params: Mapping[str, object] | None) -> str:
    """Return the title of a failure; empty if there is none."""
    return describe(code, params or {}).title if code else ""


def _sentence(group: _ListedGroup) -> str:
    """A few words beside the state, without another query."""
    image = group.image
    match group.status:
        case Status.DEPLOYING:
            return f"{group.up} of {group.replicas} running"
        case Status.STOPPED:
            return "Stopping" if group.ending else "Ready to start"
        case Status.FAILED:
            return failure_title(group.failure_code, group.failure_params)
        case Status.PENDING if image.status == Image.Status.PULLING:
            return "Pulling"
        case Status.PENDING:
            return describe(image.retry_code, image.retry_params).title if image.retry_code else "Waiting for a worker"
    return ""
