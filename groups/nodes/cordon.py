"""Keeping a node from new work, and letting it back in. What it already runs goes on."""

from __future__ import annotations

from typing import Any

from groups.models import Node


def cordon(node_id: Any) -> bool:
    """Give the node nothing new. Returns whether it was active until now."""
    return _switch(node_id, Node.Status.ACTIVE, Node.Status.CORDONED)


def uncordon(node_id: Any) -> bool:
    """Let a cordoned node take work again. Returns whether it was cordoned; a removed one stays removed."""
    return _switch(node_id, Node.Status.CORDONED, Node.Status.ACTIVE)


def _switch(node_id: Any, was: str, to: str) -> bool:
    return bool(Node.objects.filter(pk=node_id, status=was).update(status=to))
