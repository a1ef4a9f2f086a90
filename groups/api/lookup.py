"""Looking up what an address names, within the key's organization. Whatever does not exist gets the same response."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypedDict, TypeVar, cast

from django.db.models import Count, Q, QuerySet

from groups.api.errors import not_found
from groups.models import ContainerGroup, Instance
from registries.foundation.ids import InstanceId
from registries.foundation.requests import ApiRequest, Project

State = Instance.State

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    class _Counts(TypedDict):
        allocating_count: int
        creating_count: int
        running_count: int
        stopping_count: int

    CountedGroup: TypeAlias = WithAnnotations[ContainerGroup, _Counts]
else:
    CountedGroup = ContainerGroup

_Row = TypeVar("_Row", covariant=True)


class _Rows(Protocol[_Row]):
    """Rows that can be found by name."""

    def filter(self, **name: str) -> _Rows[_Row]: ...

    def first(self) -> _Row | None: ...


def find_project(request: ApiRequest, slug: str) -> Project:
    """Return the organization's project of that name, and set `request.project`. Raises Refusal."""
    request.project = _called(request.organization.projects, slug=slug)
    return request.project


def groups_of(request: ApiRequest, project_slug: str) -> QuerySet[CountedGroup]:
    """Return the project's groups with everything that a response needs, instances counted by state. Raises Refusal."""
    project = find_project(request, project_slug)
    count = {
        f"{name}_count": Count("instances", filter=Q(instances__state__in=states))
        for name, states in {
            "allocating": [State.ALLOCATING],
            "creating": [State.DOWNLOADING, State.CREATING],
            "running": [State.RUNNING],
            "stopping": [State.STOPPING],
        }.items()
    }
    rows = ContainerGroup.objects.filter(project=project.pk)
    related = rows.select_related("image", "next_image", "organization", "project")
    return cast("QuerySet[CountedGroup]", related.annotate(**count))


def find_group(request: ApiRequest, project_slug: str, name: str) -> CountedGroup:
    """Return the project's group of that name. Raises Refusal."""
    return _called(groups_of(request, project_slug), name=name)


def find_instance(request: ApiRequest, project_slug: str, name: str, instance_id: str) -> Instance:
    """Return the group's instance of that id. Raises Refusal."""
    group = find_group(request, project_slug, name)
    try:
        key = InstanceId(uuid.UUID(instance_id))
        row = Instance.objects.select_related("group").filter(group=group, pk=key).first()
    except ValueError:
        row = None
    if row is None:
        raise not_found()
    return row


def _called(rows: _Rows[_Row], **name: str) -> _Row:
    """The row of that name. PostgreSQL raises an error for a NUL in a text, which no name contains."""
    row = None if "\0" in "".join(name.values()) else rows.filter(**name).first()
    if row is None:
        raise not_found()
    return row
