"""Cordoning, draining and uncordoning a node.

A cordoned node keeps its instances and is assigned no new ones. A draining node is cordoned, and the sweeper moves its
instances to other nodes one at a time: the next one when the previous one runs elsewhere and a node has room.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.db.models.functions import Now

from groups.models import Instance, Node
from groups.nodes.instance_moves import move_to_another_node
from groups.rules.node_room import nodes_with_room
from groups.rules.platforms import can_run
from groups.rules.states import Stale
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor

State = Instance.State


def drain(node: Node, *, by: Actor) -> bool:
    """Begin to drain the node. Returns whether its status changed; a removed node stays removed."""
    return _switch(
        node, Node.Status.DRAINING, was=[Node.Status.ACTIVE, Node.Status.CORDONED], action="node.drained", by=by
    )


def move_next_instances() -> int:
    """Move one instance away from each draining node that is due; return how many were moved."""
    draining = Node.objects.filter(status=Node.Status.DRAINING, instances__isnull=False).distinct()
    return sum(_move_one(node) for node in draining)


def cordon(node: Node, *, by: Actor) -> bool:
    """Assign no new instances to the node. Returns whether it was active."""
    return _switch(node, Node.Status.CORDONED, was=[Node.Status.ACTIVE], action="node.cordoned", by=by)


def uncordon(node: Node, *, by: Actor) -> bool:
    """Assign instances to the node again. Returns whether it was cordoned or draining; a removed node stays removed."""
    return _switch(
        node, Node.Status.ACTIVE, was=[Node.Status.CORDONED, Node.Status.DRAINING], action="node.uncordoned", by=by
    )


def _move_one(node: Node) -> bool:
    moving = Instance.objects.filter(excluded_node=node, excluded_until__gt=Now()).exclude(
        state__in=[State.RUNNING, State.STOPPING]
    )
    if moving.exists():
        return False
    for instance in node.instances.exclude(state=State.STOPPING).select_related("group__image").order_by("created_at"):
        group = instance.group
        elsewhere = nodes_with_room(group.cpu, group.memory_mb, group.gpu).filter(can_run(group.image.platform))
        if not elsewhere.exists():
            continue
        try:
            with transaction.atomic():
                move_to_another_node(instance, message="Its node is being drained.")
        except Stale:
            continue
        return True
    return False


def _switch(node: Node, to: Node.Status, *, was: Collection[Node.Status], action: str, by: Actor) -> bool:
    """Change the status and record it, if the node has one of the statuses `was`. Returns whether it had."""
    with transaction.atomic():
        if not Node.objects.filter(pk=node.pk, status__in=was).update(status=to):
            return False
        record(by, action, Target("node", node.pk, node.name), organization_id=None)
    return True
