"""When what a page shows has changed: marks for ETags, so that most polls render nothing.

A mark is read before what it stands for: what changes in between is then told once more, never missed. Watchers ask for
marks all the time, so these are the statements that are made once (`registries.foundation.compiled_query`), each table
looked at once.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.db.models import (
    Aggregate,
    BooleanField,
    Case,
    Count,
    Exists,
    Max,
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

from groups.models import Blob, ContainerGroup, Image, Instance, Layer, LayerDelivery, NodeToken, PullStep, Redemption
from groups.nodes.scheduler import nodes_with_room
from registries.foundation.compiled_query import CompiledQuery
from registries.models import Credential

_Status = ContainerGroup.Status


def group_version(project_id: int, name: str, *extra: Any) -> str | None:
    """Return the mark of all that a group's page shows live, None where there is no such group. `extra` is what else
    the page depends on."""
    facts = _group.first(project=project_id, name=name)
    return etag_of(facts, *extra) if facts else None


def project_version(project_id: int, *extra: Any) -> str:
    """Return the mark of the list of a project's groups, however it is sorted and searched."""
    return etag_of(_groups_of_project.rows(project=project_id), _instances_of_project.rows(project=project_id), *extra)


def organization_version(organization_id: int, *extra: Any) -> str:
    """Return the mark of an organization's groups at a glance."""
    parts = (_groups_of, _instances_of, _images_of, _blobs_of, _credentials_of)
    return etag_of([part.rows(organization=organization_id) for part in parts], *extra)


def etag_of(*facts: Any) -> str:
    """Return a short mark of anything that its `repr` tells apart."""
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]


class _Joined(Aggregate):
    """Texts one after the other, in any order: at worst something is told once more."""

    function = "STRING_AGG"
    template = "%(function)s(%(expressions)s, '')"
    output_field = TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, function="GROUP_CONCAT", **context)


@CompiledQuery
def _group(project: int, name: str) -> QuerySet[Any]:
    layers, steps = Layer.objects.filter(image=OuterRef("image")), PullStep.objects.filter(image=OuterRef("image"))
    instances, tokens = Instance.objects.filter(group=OuterRef("pk")), NodeToken.objects.filter(group=OuterRef("pk"))
    sent = LayerDelivery.objects.filter(token__group=OuterRef("pk"))
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
        "next_image_id",
        "next_image__status",
        _in_short(layers, Sum("received"), Max("committed_at")),
        _in_short(steps, Max("id"), Max("finished_at")),
        # A node's report may bring another message and nothing else.
        _in_short(instances, Count("id"), Max("changed_at"), Sum("progress"), _Joined(MD5("message")), Sum("exits")),
        # Asked of the nodes only while somebody waits for one.
        Case(
            When(
                status=_Status.DEPLOYING,
                then=Exists(nodes_with_room(OuterRef("cpu"), OuterRef("memory_mb"), OuterRef("gpu"))),
            ),
            default=Value(False),
            output_field=BooleanField(),
        ),
        _in_short(tokens, Count("id"), Max("redeemed_at"), Max("manifest_sent_at"), Max("ended_at")),
        _in_short(presented, Count("id")),
        _in_short(sent, Sum("sent_bytes")),
    )


def _groups(rows: QuerySet[ContainerGroup]) -> QuerySet[Any]:
    """A row for each state."""
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


def _instances(rows: QuerySet[Instance]) -> QuerySet[Any]:
    return rows.order_by().values_list("state").annotate(count=Count("id"), last=Max("changed_at")).order_by("state")


@CompiledQuery
def _groups_of_project(project: int) -> QuerySet[Any]:
    return _groups(ContainerGroup.objects.filter(project=project))


@CompiledQuery
def _instances_of_project(project: int) -> QuerySet[Any]:
    return _instances(Instance.objects.filter(group__project=project))


@CompiledQuery
def _groups_of(organization: int) -> QuerySet[Any]:
    return _groups(ContainerGroup.objects.filter(organization=organization))


@CompiledQuery
def _instances_of(organization: int) -> QuerySet[Any]:
    return _instances(Instance.objects.filter(group__organization=organization))


@CompiledQuery
def _images_of(organization: int) -> QuerySet[Any]:
    return (
        Image.objects.filter(organization=organization)
        .order_by()
        .values_list("status")
        .annotate(count=Count("id"))
        .order_by("status")
    )


@CompiledQuery
def _blobs_of(organization: int) -> QuerySet[Any]:
    kept = Blob.objects.used().filter(organization=organization)
    return kept.order_by().values_list(Value(1)).annotate(count=Count("id"), bytes=Sum("size"))


@CompiledQuery
def _credentials_of(organization: int) -> QuerySet[Any]:
    live = Credential.objects.live().filter(organization=organization)
    return live.order_by().values_list(Value(1)).annotate(count=Count("id"))


def _in_short(rows: QuerySet[Any], *aggregates: Any) -> Subquery:
    """A subquery of several aggregates over all of `rows`."""
    all_of_them = rows.order_by().values(all_of_them=Value(1))
    return Subquery(all_of_them.annotate(short=JSONArray(*aggregates)).values("short"))
