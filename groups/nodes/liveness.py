"""Nodes that are gone: silent for too long, or removed. What they had goes to others.

Where all of them may be silent because of us, none is (`groups.nodes.portal_uptime`). A node that was only silent is
told to stop its old instances when it polls again, since they are no longer its own. Order of locks: the node's row, as
a poll of it begins with, then the groups, then the instances.
"""

from __future__ import annotations

from uuid import UUID

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

State = Instance.State


def release_silent() -> int:
    """Take everything from nodes that have not polled for 90 s, though they could; return from how many."""
    if not counts_silence(SILENT_AFTER):
        return 0
    silent = Node.objects.silent()
    has_any = Exists(Instance.objects.filter(node=OuterRef("pk")))
    released = 0
    for node_id in silent.filter(has_any).values_list("pk", flat=True):
        with transaction.atomic():
            # Asked again with the row locked: the node may be polling this moment.
            if silent.select_for_update(no_key=True).filter(pk=node_id).first() is not None:
                _take_back(node_id, EndReason.NODE_SILENT, "Its node went silent.")
                released += 1
    return released


def remove(node: Node, *, by: Actor) -> bool:
    """Let the node in no more, end its tokens and sessions, and give its instances to others. Returns whether it
    was there until now. A removed node stays removed."""
    with transaction.atomic():
        there = Node.objects.enrolled().filter(pk=node.pk)
        if not there.update(status=Node.Status.REMOVED):
            return False
        _take_back(node.pk, EndReason.NODE_REMOVED, "Its node was removed.")
        record(by, "node.removed", Target("node", node.pk, node.name), organization_id=None)
    return True


def _take_back(node_id: UUID, reason: EndReason, message: str) -> None:
    """What was stopping is gone, the rest is allocated again. The node's row is locked."""
    group_ids = list(Instance.objects.filter(node=node_id).order_by().values_list("group", flat=True).distinct())
    groups = ContainerGroup.objects.select_for_update(no_key=True).filter(pk__in=group_ids).order_by("pk")
    locked = [group.pk for group in groups]
    tokens.end(NodeToken.objects.outstanding().filter(node=node_id), reason)
    had = Instance.objects.filter(node=node_id)
    had.filter(state=State.STOPPING).delete()
    for instance in had.exclude(state=State.STOPPING):
        try:
            take_from_node(instance, message=message)
        except Stale:
            continue  # stopped meanwhile; the next pass finds it
    for group_id in locked:
        update_group_status(group_id)
