"""Keeping a node from new work, and letting it back in. What it already runs goes on."""

from __future__ import annotations

from typing import Any

from groups.models import Node


def cordon(node_id: Any) -> bool:
    """Give the node nothing new. Returns whether it was active until now."""
    return _switch(node_id, Node.Status.CORDONED, was=[Node.Status.ACTIVE])


def uncordon(node_id: Any) -> bool:
    """Let a node take work again. Returns whether it was cordoned or drained; a removed one stays removed."""
    return _switch(node_id, Node.Status.ACTIVE, was=[Node.Status.CORDONED, Node.Status.DRAINING])


def _switch(node_id: Any, to: str, *, was: list[Node.Status]) -> bool:
    return bool(Node.objects.filter(pk=node_id, status__in=was).update(status=to))
