"""Which nodes have room for a replica now."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeAlias

from django.db.models import CharField, Count, F, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Cast, Coalesce, Now

from groups.models import Instance, Node

MAX_POLL_AGE = timedelta(seconds=30)
"""A node that polled longer ago is not counted on for an instance."""
_Aggregate: TypeAlias = Count | Sum


def nodes_with_room(cpu: int | OuterRef, memory_mb: int | OuterRef, gpu: str | OuterRef) -> QuerySet[Node]:
    """Active nodes that polled within 30 s and have this capacity free: `cpu` in cores, `memory_mb` in MB, and a free
    GPU of the class `gpu` unless that is empty."""
    wanted: Cast | Value = Cast(gpu, CharField()) if isinstance(gpu, OuterRef) else Value(gpu)
    return (
        Node.objects.filter(status=Node.Status.ACTIVE, last_seen_at__gt=Now() - MAX_POLL_AGE)
        .annotate(used_cpu=_used(Sum("group__cpu")), used_memory=_used(Sum("group__memory_mb")), wanted_gpu=wanted)
        .annotate(used_gpu=_used(Count("pk", filter=~Q(group__gpu=""))))
        .filter(used_cpu__lte=F("cpu") - cpu, used_memory__lte=F("memory_mb") - memory_mb)
        .filter(Q(wanted_gpu="") | Q(gpu=F("wanted_gpu"), used_gpu=0))
    )


def _used(aggregate: _Aggregate) -> Coalesce:
    instances = Instance.objects.filter(node=OuterRef("pk")).order_by().values("node")
    return Coalesce(Subquery(instances.annotate(n=aggregate).values("n")), 0)
