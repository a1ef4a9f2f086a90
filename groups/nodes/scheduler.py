"""Assigns waiting instances to the node that polls.

A node gets the oldest instances that fit in its free capacity. Further replicas of a group are left to nodes that have
fewer of them and room for one. A node's one GPU goes to one instance, and it gets only instances whose image it can
run. An assignment is a compare-and-set on the instance's row, locked on its own; on PostgreSQL an instance that another
poll is taking is skipped, SQLite has one writer. The caller's transaction has locked the node's row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now

from groups.models import ContainerGroup, Image, Instance, Node
from groups.rules.node_room import nodes_with_room
from groups.rules.platforms import can_run, runnable
from groups.rules.wakeups import wake_prepare
from registries.foundation.compiled_query import CompiledQuery
from registries.foundation.ids import GroupId, InstanceId

MAX_A_POLL = 32
_MAX_CANDIDATES = 128


def assign(node: Node, *, excluding: Sequence[str] = ()) -> list[InstanceId]:
    """Assign waiting instances that fit to the node and request their manifests; return the ids of those instances.

    `excluding` are ids of instances that this poll orders the node to stop: it can get them again once it no longer
    lists them.
    """
    if node.status != Node.Status.ACTIVE or _anything_free.first() is None:
        return []
    waiting = _waiting(node).exclude(pk__in=excluding) if excluding else _waiting(node)
    assigned = list(node.instances.select_related("group").defer("group__environment", "group__command"))
    cpu = node.cpu - sum(instance.group.cpu for instance in assigned)
    memory = node.memory_mb - sum(instance.group.memory_mb for instance in assigned)
    gpu = "" if any(instance.group.gpu for instance in assigned) else node.gpu
    replicas = Counter(instance.group_id for instance in assigned)
    taken: list[InstanceId] = []
    left_to_others: set[GroupId] = set()
    fitting = waiting.filter(group__cpu__lte=cpu, group__memory_mb__lte=memory, group__gpu__in={"", gpu})
    fitting = fitting.filter(group__image__platform__in=runnable(node.platform))
    candidates = list(fitting.values_list("pk", "group")[:_MAX_CANDIDATES])
    groups = _groups({group_id for _, group_id in candidates})
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
        if not _assign_one(instance_id, node):
            continue
        cpu, memory, gpu = cpu - group.cpu, memory - group.memory_mb, "" if group.gpu else gpu
        replicas[group.id] += 1
        taken.append(instance_id)
        wake_prepare(instance_id)
    return taken


@CompiledQuery
def _anything_free() -> QuerySet[Instance, tuple[InstanceId]]:
    """A row if any instance waits for a node, whatever its group's status. Each poll runs this."""
    free = Instance.objects.filter(state=Instance.State.ALLOCATING, node__isnull=True).order_by()
    return free.values_list("pk")[:1]


def _waiting(node: Node) -> QuerySet[Instance]:
    """Instances that wait for a node, except those that exclude this one for now."""
    return Instance.objects.filter(
        Q(excluded_node__isnull=True) | ~Q(excluded_node=node) | Q(excluded_until__lte=Now()),
        state=Instance.State.ALLOCATING,
        node__isnull=True,
        group__status__in=ContainerGroup.ACTIVE,
        group__organization__quota__suspended_at__isnull=True,
        group__image__status=Image.Status.READY,
    ).order_by("created_at", "pk")


def _groups(ids: set[GroupId]) -> dict[GroupId, ContainerGroup]:
    rows = ContainerGroup.objects.select_related("image")
    return rows.defer("environment", "options", "command", "image__config").in_bulk(ids)


def _assign_one(instance_id: InstanceId, node: Node) -> bool:
    free = Instance.objects.filter(pk=instance_id, state=Instance.State.ALLOCATING, node__isnull=True)
    if not list(free.select_for_update(skip_locked=True).values_list("pk")):
        return False
    return free.update(node=node, assigned_at=Now(), changed_at=Now()) == 1


def _has_better_place(group: ContainerGroup, node: Node, replicas: int) -> bool:
    """Whether another polling node has room for the replica and fewer replicas of the group."""
    fewer = Count("instances", filter=Q(instances__group=group))
    others = nodes_with_room(group.cpu, group.memory_mb, group.gpu).exclude(pk=node.pk)
    others = others.filter(can_run(group.image.platform))
    return others.annotate(replicas=fewer).filter(replicas__lt=replicas).exists()
