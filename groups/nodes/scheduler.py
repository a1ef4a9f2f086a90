"""Which allocating instance goes to the node that polls.

A node takes what fits in its capacity beside what it has, the oldest first, and leaves further replicas of a group
to nodes that have fewer of it and room for one. Its one GPU goes to one instance. One instance goes to one node by
compare-and-set, and is locked by itself; on PostgreSQL one that another poll is taking is skipped, SQLite has one
writer. The caller's transaction holds the node's row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import CharField, Count, F, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Cast, Coalesce, Now

from groups.models import ContainerGroup, Image, Instance, Node
from groups.rules.wakeups import wake_prepare
from registries.foundation.compiled_query import CompiledQuery

FRESH = timedelta(seconds=30)
MAX_A_POLL = 32
_LOOKED_AT = 128


def assign(node: Node, *, excluding: Sequence[str] = ()) -> list[UUID]:
    """Assign waiting instances that fit to the node and request their manifests; return the ids of those instances.

    `excluding` are ids of instances that this poll tells the node to stop: it can get them again once it no longer
    lists them.
    """
    if node.status != Node.Status.ACTIVE or _anything_free.first() is None:
        return []
    waiting = _waiting(node).exclude(pk__in=excluding) if excluding else _waiting(node)
    has = list(node.instances.select_related("group").defer("group__environment", "group__command"))
    cpu = node.cpu - sum(instance.group.cpu for instance in has)
    memory = node.memory_mb - sum(instance.group.memory_mb for instance in has)
    gpu = "" if any(instance.group.gpu for instance in has) else node.gpu
    replicas = Counter(instance.group_id for instance in has)
    taken: list[UUID] = []
    left_to_others: set[UUID] = set()
    fitting = waiting.filter(group__cpu__lte=cpu, group__memory_mb__lte=memory, group__gpu__in={"", gpu})
    candidates = list(fitting.values_list("pk", "group")[:_LOOKED_AT])  # of all of them, few are taken
    groups = ContainerGroup.objects.defer("environment", "command").in_bulk({group_id for _, group_id in candidates})
    for instance_id, group_id in candidates:
        if len(taken) == MAX_A_POLL:
            break
        if (group := groups.get(group_id)) is None:
            continue
        if group.id in left_to_others or group.cpu > cpu or group.memory_mb > memory or group.gpu not in ("", gpu):
            continue
        if replicas[group.id] and _has_better_place(group, node, replicas[group.id]):
            left_to_others.add(group.id)
            continue
        if not _take(instance_id, node):
            continue
        cpu, memory, gpu = cpu - group.cpu, memory - group.memory_mb, "" if group.gpu else gpu
        replicas[group.id] += 1
        taken.append(instance_id)
        wake_prepare(instance_id)
    return taken


def nodes_with_room(cpu: int | OuterRef, memory_mb: int | OuterRef, gpu: str | OuterRef) -> QuerySet[Node]:
    """Active nodes that polled a moment ago and have so much free beside what they have, and that GPU unless it is
    empty."""
    wanted: Any = Cast(gpu, CharField()) if isinstance(gpu, OuterRef) else Value(gpu)
    return (
        Node.objects.filter(status=Node.Status.ACTIVE, last_seen_at__gt=Now() - FRESH)
        .annotate(used_cpu=_used(Sum("group__cpu")), used_memory=_used(Sum("group__memory_mb")), wanted_gpu=wanted)
        .annotate(used_gpu=_used(Count("pk", filter=~Q(group__gpu=""))))
        .filter(used_cpu__lte=F("cpu") - cpu, used_memory__lte=F("memory_mb") - memory_mb)
        .filter(Q(wanted_gpu="") | Q(gpu=F("wanted_gpu"), used_gpu=0))
    )


def _used(what: Any) -> Coalesce:
    here = Instance.objects.filter(node=OuterRef("pk")).order_by().values("node")
    return Coalesce(Subquery(here.annotate(n=what).values("n")), 0)


@CompiledQuery
def _anything_free() -> Any:
    """Whether any instance waits for a node, whatever its group does. Each poll asks it."""
    free = Instance.objects.filter(state=Instance.State.ALLOCATING, node__isnull=True).order_by()
    return free.values_list("pk")[:1]


def _waiting(node: Node) -> QuerySet[Instance]:
    """What no node has, but for what was taken from this one a moment ago: others come first."""
    return Instance.objects.filter(
        Q(avoids__isnull=True) | ~Q(avoids=node) | Q(avoids_until__lte=Now()),
        state=Instance.State.ALLOCATING,
        node__isnull=True,
        group__status__in=ContainerGroup.ACTIVE,
        group__organization__quota__suspended_at__isnull=True,
        group__image__status=Image.Status.READY,
    ).order_by("created_at", "pk")


def _take(instance_id: UUID, node: Node) -> bool:
    free = Instance.objects.filter(pk=instance_id, state=Instance.State.ALLOCATING, node__isnull=True)
    if not list(free.select_for_update(skip_locked=True).values_list("pk")):
        return False
    return free.update(node=node, assigned_at=Now(), changed_at=Now()) == 1


def _has_better_place(group: ContainerGroup, node: Node, replicas: int) -> bool:
    """Whether some other node that polls has room for one and fewer of the group's replicas."""
    fewer = Count("instances", filter=Q(instances__group=group))
    others = nodes_with_room(group.cpu, group.memory_mb, group.gpu).exclude(pk=node.pk)
    return others.annotate(replicas=fewer).filter(replicas__lt=replicas).exists()
