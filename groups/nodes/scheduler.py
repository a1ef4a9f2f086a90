"""Which allocating instance goes to the node that polls.

A node takes what fits in its capacity beside what it has, the oldest first, and leaves further replicas of a group
to nodes that have fewer of it and room for one. One instance goes to one node by compare-and-set; on PostgreSQL
one that another poll is taking is skipped, SQLite has one writer. The caller's transaction holds the node's row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Now

from groups.delivery.tokens import Ended
from groups.models import ContainerGroup, Image, Instance, Node, NodeToken
from groups.wakeups import wake_prepare

FRESH = timedelta(seconds=30)
COOL_DOWN = timedelta(seconds=60)
MOST_A_POLL = 32
_LOOKED_AT = 128


def assign(node: Node, *, but: Sequence[str] = ()) -> list[Instance]:
    """Give the node what it can take and have its manifests made; return what it took. `but` are ids of instances
    that it is being told to stop: it may have them again once it no longer lists them."""
    if node.status != Node.Status.ACTIVE:
        return []
    waiting = _waiting(node).exclude(pk__in=but) if but else _waiting(node)
    if not waiting.exists():
        return []
    has = list(node.instances.select_related("group"))
    cpu = node.cpu - sum(instance.group.cpu for instance in has)
    memory = node.memory_mb - sum(instance.group.memory_mb for instance in has)
    replicas = Counter(instance.group_id for instance in has)
    taken: list[Instance] = []
    left_to_others: set[UUID] = set()
    fitting = waiting.filter(group__cpu__lte=cpu, group__memory_mb__lte=memory).select_related("group")
    for instance in fitting[:_LOOKED_AT]:
        group = instance.group
        if len(taken) == MOST_A_POLL:
            break
        if group.id in left_to_others or group.cpu > cpu or group.memory_mb > memory:
            continue
        if replicas[group.id] and _has_better_place(group, node, replicas[group.id]):
            left_to_others.add(group.id)
            continue
        if not _take(instance, node):
            continue
        cpu, memory = cpu - group.cpu, memory - group.memory_mb
        replicas[group.id] += 1
        taken.append(instance)
        wake_prepare(instance.pk)
    return taken


def nodes_with_room(cpu: int | OuterRef, memory_mb: int | OuterRef) -> QuerySet[Node]:
    """Active nodes that polled a moment ago and have so much free beside what they have."""
    return (
        Node.objects.filter(status=Node.Status.ACTIVE, last_seen_at__gt=Now() - FRESH)
        .annotate(used_cpu=_used("cpu"), used_memory=_used("memory_mb"))
        .filter(used_cpu__lte=F("cpu") - cpu, used_memory__lte=F("memory_mb") - memory_mb)
    )


def _used(what: str) -> Coalesce:
    here = Instance.objects.filter(node=OuterRef("pk")).order_by().values("node")
    return Coalesce(Subquery(here.annotate(n=Sum(f"group__{what}")).values("n")), 0)


def _waiting(node: Node) -> QuerySet[Instance]:
    """What no node has, but for what this one gave back a moment ago: others come first."""
    given_back = NodeToken.objects.filter(
        instance=OuterRef("pk"), node=node, ended_because=Ended.GIVEN_BACK, ended_at__gt=Now() - COOL_DOWN
    )
    wanted = [ContainerGroup.Status.DEPLOYING, ContainerGroup.Status.RUNNING]
    return Instance.objects.filter(
        ~Exists(given_back),
        state=Instance.State.ALLOCATING,
        node__isnull=True,
        group__status__in=wanted,
        group__image__status=Image.Status.READY,
    ).order_by("created_at", "pk")


def _take(instance: Instance, node: Node) -> bool:
    free = Instance.objects.filter(pk=instance.pk, state=Instance.State.ALLOCATING, node__isnull=True)
    if not list(free.select_for_update(skip_locked=True).values_list("pk")):
        return False
    return free.update(node=node, assigned_at=Now(), changed_at=Now()) == 1


def _has_better_place(group: ContainerGroup, node: Node, replicas: int) -> bool:
    """Whether some other node that polls has room for one and fewer of the group's replicas."""
    fewer = Count("instances", filter=Q(instances__group=group))
    others = nodes_with_room(group.cpu, group.memory_mb).exclude(pk=node.pk)
    return others.annotate(replicas=fewer).filter(replicas__lt=replicas).exists()
