"""When what a page shows has changed: one query that yields a mark for an ETag, so that most polls render nothing."""

from __future__ import annotations

import hashlib
from typing import Any

from django.db.models import BooleanField, Case, Count, Exists, Max, OuterRef, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Length

from groups.models import ContainerGroup, Instance, Layer, LayerDelivery, NodeToken, PullStep, Redemption
from groups.nodes.scheduler import nodes_with_room


def group_version(group: ContainerGroup, *extra: Any) -> str:
    """Return the mark of all that a group's page shows live; `extra` is what else it depends on."""
    facts = (
        ContainerGroup.objects.filter(pk=group.pk)
        .values_list(
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
            _one(Layer.objects.filter(image=OuterRef("image")), Sum("received")),
            _one(Layer.objects.filter(image=OuterRef("image")), Max("committed_at")),
            _one(PullStep.objects.filter(image=OuterRef("image")), Max("id")),
            _one(PullStep.objects.filter(image=OuterRef("image")), Max("finished_at")),
            _one(Instance.objects.filter(group=OuterRef("pk")), Count("id")),
            _one(Instance.objects.filter(group=OuterRef("pk")), Max("changed_at")),
            _one(Instance.objects.filter(group=OuterRef("pk")), Sum("progress")),
            # A node's report may bring another message and nothing else.
            _one(Instance.objects.filter(group=OuterRef("pk")), Sum(Length("message"))),
            # Asked of the nodes only while somebody waits for one.
            Case(
                When(
                    status=ContainerGroup.Status.DEPLOYING,
                    then=Exists(nodes_with_room(OuterRef("cpu"), OuterRef("memory_mb"), OuterRef("gpu"))),
                ),
                default=Value(False),
                output_field=BooleanField(),
            ),
            _one(NodeToken.objects.filter(group=OuterRef("pk")), Count("id")),
            _one(NodeToken.objects.filter(group=OuterRef("pk")), Max("redeemed_at")),
            _one(NodeToken.objects.filter(group=OuterRef("pk")), Max("manifest_sent_at")),
            _one(NodeToken.objects.filter(group=OuterRef("pk")), Max("ended_at")),
            _one(Redemption.objects.filter(token__group=OuterRef("pk")), Count("id")),
            _one(LayerDelivery.objects.filter(token__group=OuterRef("pk")), Sum("sent_bytes")),
        )
        .first()
    )
    return mark(facts, *extra)


def mark(*facts: Any) -> str:
    """Return a short mark of anything that its `repr` tells apart."""
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]


def _one(rows: QuerySet[Any], what: Any) -> Subquery:
    """A subquery of one aggregate over all of `rows`."""
    return Subquery(rows.order_by().values(all_of_them=Value(1)).annotate(value=what).values("value"))
