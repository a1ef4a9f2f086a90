"""Taking instances back from nodes that are silent for too long, and from nodes that are removed.

Silence that the portal's own outage could explain doesn't count (`groups.nodes.portal_uptime`). When a silent node
polls again, it is ordered to stop its former instances. Lock order, as in a poll: the node, the groups, the instances.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Exists, OuterRef

from groups.delivery import tokens
from groups.delivery.tokens import EndReason
from groups.models import ContainerGroup, Instance, Node, NodeToken
from groups.models.node import SILENT_AFTER
from groups.nodes.portal_uptime import counts_silence
from groups.rules.replicas import take_from_node, update_group_status
from groups.rules.states import Stale
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor
from registries.foundation.ids import NodeId

State = Instance.State


def release_silent() -> int:
    """Take the instances back from nodes that could poll and have not for 90 s; return the number of nodes."""
    if not counts_silence(SILENT_AFTER):
        return 0
    silent = Node.objects.silent()
    has_instances = Exists(Instance.objects.filter(node=OuterRef("pk")))
    released = 0
    for node_id in silent.filter(has_instances).values_list("pk", flat=True):
        with transaction.atomic():
            # Checked again with the row locked: the node may have polled in between.
            if silent.select_for_update(no_key=True).filter(pk=node_id).first() is not None:
                _take_back(node_id, EndReason.NODE_SILENT, "Its node went silent.")
                released += 1
    return released


def remove(node: Node, *, by: Actor) -> bool:
    """Remove the node for good: refuse its calls, end its tokens and sessions, and move its instances to other nodes.
    Returns False if it was removed already."""
    with transaction.atomic():
        enrolled = Node.objects.enrolled().filter(pk=node.pk)
        if not enrolled.update(status=Node.Status.REMOVED):
            return False
        _take_back(node.pk, EndReason.NODE_REMOVED, "Its node was removed.")
        record(by, "node.removed", Target("node", node.pk, node.name), organization_id=None)
    return True


def _take_back(node_id: NodeId, reason: EndReason, message: str) -> None:
    """Delete stopping instances and allocate the others again. The caller has locked the node's row."""
    group_ids = list(Instance.objects.filter(node=node_id).order_by().values_list("group", flat=True).distinct())
    groups = ContainerGroup.objects.select_for_update(no_key=True).filter(pk__in=group_ids).order_by("pk")
    locked = [group.pk for group in groups]
    tokens.end(NodeToken.objects.outstanding().filter(node=node_id), reason)
    instances = Instance.objects.filter(node=node_id)
    instances.filter(state=State.STOPPING).delete()
    for instance in instances.exclude(state=State.STOPPING):
        try:
            take_from_node(instance, message=message)
        except Stale:
            continue  # stopped in between; the next pass finds it
    for group_id in locked:
        update_group_status(group_id)
