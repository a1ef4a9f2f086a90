"""Moving an instance to another node."""

from __future__ import annotations

from datetime import timedelta

from django.db.models.functions import Now

from groups.delivery import tokens
from groups.delivery.tokens import EndReason
from groups.models import ContainerGroup, Instance, NodeToken
from groups.rules.replicas import take_from_node, update_group_status
from groups.rules.states import Stale

EXCLUDE_AFTER_MOVE = timedelta(minutes=10)
"""How long an instance that was moved away from a node is not assigned to it again."""


def move_to_another_node(instance: Instance, *, message: str) -> None:
    """Take the instance from its node, so that another one gets it; this node is excluded for ten minutes and is
    ordered to stop the container when it polls. Called in a transaction. Raises Stale if no node has the instance, or
    it is stopping."""
    # Reports lock in the same order: the group, then the instance.
    list(ContainerGroup.objects.select_for_update(no_key=True).filter(pk=instance.group_id))
    instance.refresh_from_db()
    if instance.node_id is None or instance.state == Instance.State.STOPPING:
        raise Stale(f"Instance {instance.pk} is on no node")
    take_from_node(instance, message=message, excluded_node=instance.node, excluded_until=Now() + EXCLUDE_AFTER_MOVE)
    tokens.end(NodeToken.objects.filter(instance=instance), EndReason.REALLOCATED)
    update_group_status(instance.group_id)
