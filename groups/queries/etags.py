"""Versions of what pages show, for ETags, so that most polls render nothing.

A version is read before the content: a change in between is sent once more, never missed. Pages poll all the time, so
the queries are compiled once (`registries.foundation.compiled_query`), and read each table once.
"""

from __future__ import annotations

import hashlib
from typing import TypeAlias, TypeVar

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import (
    Aggregate,
    Case,
    Count,
    JSONField,
    Max,
    Model,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    TextField,
    Value,
    When,
)  # fmt: skip
from django.db.models.functions import MD5, JSONArray
from django.db.models.sql.compiler import SQLCompiler

from groups.models import (
    Blob,
    ContainerGroup,
    Image,
    Instance,
    Layer,
    LayerDelivery,
    Node,
    NodeToken,
    Outage,
    PullStep,
    Redemption,
)
from groups.rules.node_room import nodes_with_room
from registries.foundation.compiled_query import CompiledQuery
from registries.foundation.ids import OrganizationId, ProjectId
from registries.models import Credential

_Row = TypeVar("_Row", bound=Model)
_Groups: TypeAlias = QuerySet[ContainerGroup, tuple[object, ...]]
_Status = ContainerGroup.Status


def group_version(project_id: ProjectId, name: str, *extra: object) -> str | None:
    """Return the version of what a group's page shows live, None if there is no such group. `extra` is what else the
    page depends on, such as the viewer's role."""
    facts = _group.first(project=project_id, name=name)
    return etag_of(facts, *extra) if facts else None


def project_version(project_id: ProjectId, *extra: object) -> str:
    """Return the version of the list of a project's groups, however it is sorted and searched."""
    return etag_of(_groups_of_project.rows(project=project_id), _instances_of_project.rows(project=project_id), *extra)


def organization_version(organization_id: OrganizationId, *extra: object) -> str:
    """Return the version of an organization's overview."""
    parts = (_groups_of, _instances_of, _images_of, _blobs_of, _credentials_of)
    rows = [part.rows(organization=organization_id) for part in parts]
    return etag_of(rows, _outages.rows(), *extra)


def etag_of(*facts: object) -> str:
    """Return a hash of the `repr` of these values, 32 hexadecimal digits."""
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]


class _Joined(Aggregate):
    """Texts joined in any order: at worst something is sent once more."""

    function = "STRING_AGG"
    template = "%(function)s(%(distinct)s%(expressions)s, ',')"
    allow_distinct = True
    output_field = TextField()

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra_context: object
    ) -> tuple[str, tuple[str | int, ...]]:
        template = "GROUP_CONCAT(%(distinct)s%(expressions)s)"  # with DISTINCT it takes no separator
        return self.as_sql(compiler, connection, template=template, **extra_context)


_OUTAGES = (Count("id"), Count("ended_at"), Max("began_at"), Sum("organizations"), _Joined(MD5("code")))
"""What pages show of outages."""


@CompiledQuery
def _group(project: ProjectId, name: str) -> _Groups:
    layers, steps = Layer.objects.filter(image=OuterRef("image")), PullStep.objects.filter(image=OuterRef("image"))
    instances, tokens = Instance.objects.filter(group=OuterRef("pk")), NodeToken.objects.filter(group=OuterRef("pk"))
    sent = LayerDelivery.objects.filter(token__group=OuterRef("pk"))
    unsettled = Image.objects.unsettled().filter(organization=OuterRef("organization"))
    presented = Redemption.objects.filter(token__group=OuterRef("pk"))
    return ContainerGroup.objects.filter(project=project, name=name).values_list(
        "pk",
        "status",
        "changed_at",
        "replicas",
        "image_id",
        "image__status",
        "image__attempt",
        "image__not_before",
        "image__digest",
        "image__credential__destroyed_at",
        "image__credential__used_count",
        "image__yielded_at",
        "next_image_id",
        "next_image__status",
        # The place in the organization's queue.
        Case(
            When(
                image__status=Image.Status.QUEUED,
                then=_aggregates(unsettled, Count("id"), Count("id", filter=Q(status=Image.Status.PULLING))),
            ),
            default=Value(None),
            output_field=JSONField(),
        ),
        _aggregates(layers, Sum("received"), Max("committed_at")),
        _aggregates(steps, Max("id"), Max("finished_at")),
        # A node's report may change nothing but the message.
        _aggregates(instances, Count("id"), Max("changed_at"), Sum("progress"), _Joined(MD5("message")), Sum("exits")),
        # Nodes are only queried while an instance waits for one.
        _while_deploying(nodes_with_room(OuterRef("cpu"), OuterRef("memory_mb"), OuterRef("gpu"))),
        _while_deploying(Node.objects.present()),
        _aggregates(tokens, Count("id"), Max("redeemed_at"), Max("manifest_sent_at"), Max("ended_at")),
        _aggregates(presented, Count("id")),
        _aggregates(sent, Sum("sent_bytes")),
        _aggregates(Outage.objects.shown(), *_OUTAGES),
    )


def _groups(rows: QuerySet[ContainerGroup]) -> _Groups:
    """One row per state."""
    counted = rows.order_by().values_list("status").annotate(
        groups=Count("id"),
        last=Max("changed_at"),
        wanted=Sum("replicas"),
        versions=Sum("version"),
        attempts=Sum("image__attempt"),
        bytes=Sum("image__total_bytes"),
        next=Max("image__not_before"),
        pulling=Count("id", filter=Q(image__status=Image.Status.PULLING)),
        pinned=Count("id", filter=~Q(image__digest="")),
    )  # fmt: skip
    return counted.order_by("status")


def _instances(rows: QuerySet[Instance]) -> QuerySet[Instance, tuple[object, ...]]:
    return rows.order_by().values_list("state").annotate(count=Count("id"), last=Max("changed_at")).order_by("state")


@CompiledQuery
def _groups_of_project(project: ProjectId) -> _Groups:
    return _groups(ContainerGroup.objects.filter(project=project))


@CompiledQuery
def _instances_of_project(project: ProjectId) -> QuerySet[Instance, tuple[object, ...]]:
    return _instances(Instance.objects.filter(group__project=project))


@CompiledQuery
def _groups_of(organization: OrganizationId) -> _Groups:
    return _groups(ContainerGroup.objects.filter(organization=organization))


@CompiledQuery
def _instances_of(organization: OrganizationId) -> QuerySet[Instance, tuple[object, ...]]:
    return _instances(Instance.objects.filter(group__organization=organization))


@CompiledQuery
def _images_of(organization: OrganizationId) -> QuerySet[Image, tuple[object, ...]]:
    return (
        Image.objects.filter(organization=organization)
        .order_by()
        .values_list("status")
        .annotate(count=Count("id"))
        .order_by("status")
    )


@CompiledQuery
def _blobs_of(organization: OrganizationId) -> QuerySet[Blob, tuple[object, ...]]:
    kept = Blob.objects.used().filter(organization=organization)
    return kept.order_by().values_list(Value(1)).annotate(count=Count("id"), bytes=Sum("size"))


@CompiledQuery
def _credentials_of(organization: OrganizationId) -> QuerySet[Credential, tuple[object, ...]]:
    live = Credential.objects.live().filter(organization=organization)
    return live.order_by().values_list(Value(1)).annotate(count=Count("id"))


@CompiledQuery
def _outages() -> QuerySet[Outage, tuple[object, ...]]:
    shown = Outage.objects.shown().order_by()
    return shown.values_list(Value(1)).annotate(**{f"fact{place}": fact for place, fact in enumerate(_OUTAGES)})


def _while_deploying(nodes: QuerySet[Node]) -> Case:
    """The platforms of these nodes, while the group has the status in which it waits for one."""
    together = nodes.order_by().values(together=Value(1))
    platforms = Subquery(together.annotate(all=_Joined("platform", distinct=True)).values("all"))
    return Case(When(status=_Status.DEPLOYING, then=platforms), default=Value(None), output_field=TextField())


def _aggregates(rows: QuerySet[_Row], *aggregates: Aggregate) -> Subquery:
    """A subquery of several aggregates over all of `rows`."""
    together = rows.order_by().values(together=Value(1))
    return Subquery(together.annotate(aggregates=JSONArray(*aggregates)).values("aggregates"))
