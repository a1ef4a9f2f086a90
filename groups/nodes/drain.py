"""Emptying a node for good or for a while: it gets nothing new, and what it has moves away, one after the other.

The sweeper moves the next one when the one before runs elsewhere and some other node has room.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from groups.models import Instance, Node
from groups.nodes.scheduler import nodes_with_room
from groups.rules.replicas import move_elsewhere
from groups.rules.states import Stale
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor

State = Instance.State


def drain(node: Node, *, by: Actor) -> bool:
    """Begin to empty the node. Returns whether that is new; a removed one stays removed."""
    from_these = [Node.Status.ACTIVE, Node.Status.CORDONED]
    with transaction.atomic():
        if not Node.objects.filter(pk=node.pk, status__in=from_these).update(status=Node.Status.DRAINING):
            return False
        record(by, "node.drained", Target("node", node.pk, node.name), organization_id=None)
    return True


def move_next_instances() -> int:
    """Move one instance away from each node that is being drained, where it is time; return how many."""
    draining = Node.objects.filter(status=Node.Status.DRAINING, instances__isnull=False).distinct()
    return sum(_move_one(node) for node in draining)


def cordon(node: Node, *, by: Actor) -> bool:
    """Give the node nothing new. Returns whether it was active until now."""
    with transaction.atomic():
        if not _switch(node, Node.Status.CORDONED, was=[Node.Status.ACTIVE]):
            return False
        record(by, "node.cordoned", Target("node", node.pk, node.name), organization_id=None)
    return True


def uncordon(node: Node, *, by: Actor) -> bool:
    """Let a node take work again. Returns whether it was cordoned or drained; a removed one stays removed."""
    with transaction.atomic():
        if not _switch(node, Node.Status.ACTIVE, was=[Node.Status.CORDONED, Node.Status.DRAINING]):
            return False
        record(by, "node.uncordoned", Target("node", node.pk, node.name), organization_id=None)
    return True


def _move_one(node: Node) -> bool:
    on_its_way = Instance.objects.filter(avoids=node, avoids_until__gt=Now()).exclude(
        Q(state=State.RUNNING) | Q(state=State.STOPPING)
    )
    if on_its_way.exists():
        return False
    for instance in node.instances.exclude(state=State.STOPPING).select_related("group").order_by("created_at"):
        group = instance.group
        if not nodes_with_room(group.cpu, group.memory_mb, group.gpu).exists():
            continue
        try:
            with transaction.atomic():
                move_elsewhere(instance, message="Its node is being drained.")
        except Stale:
            continue
        return True
    return False


def _switch(node: Node, to: Node.Status, *, was: Collection[Node.Status]) -> bool:
    return bool(Node.objects.filter(pk=node.pk, status__in=was).update(status=to))
