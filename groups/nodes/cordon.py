"""Keeping a node from new work, and letting it back in. What it already runs goes on."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction

from groups.models import Node
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor


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


def _switch(node: Node, to: Node.Status, *, was: Collection[Node.Status]) -> bool:
    return bool(Node.objects.filter(pk=node.pk, status__in=was).update(status=to))
