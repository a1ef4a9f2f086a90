"""What can be done to one instance: restart, recreate, reallocate, and say what its end would cost.

Restart and recreate are orders to its node, given with each poll until the node has begun. Each raises
`groups.states.Stale` when the instance is no longer in a state that allows it.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from groups.delivery import tokens
from groups.delivery.tokens import Ended
from groups.instances import follow, take_from_node
from groups.models import ContainerGroup, Instance, NodeToken
from groups.rules.group_settings import MAX_DELETION_COST
from groups.states import Stale

State = Instance.State
AVOIDED_FOR = timedelta(minutes=10)


def restart(instance: Instance) -> Instance:
    """Have the node end the container and start the same one again, data kept."""
    return _order(instance, Instance.Order.RESTART)


def recreate(instance: Instance) -> Instance:
    """Have the node remove the container and make a new one from the image it has."""
    return _order(instance, Instance.Order.RECREATE)


def reallocate(instance: Instance, *, message: str = "Moved to another node.") -> Instance:
    """Take the instance from its node and give it to another one; this node doesn't get it back for ten minutes.
    The node is told to stop it when it polls."""
    with transaction.atomic():
        # The order of locks that reports keep too: the group, then the instance.
        list(ContainerGroup.objects.select_for_update(no_key=True).filter(pk=instance.group_id))
        instance.refresh_from_db()
        if instance.node_id is None or instance.state == State.STOPPING:
            raise Stale(f"Instance {instance.pk} is on no node")
        out = NodeToken.objects.filter(instance=instance, node=instance.node_id)
        avoids = {"avoids": instance.node, "avoids_until": Now() + AVOIDED_FOR}
        take_from_node(instance, message=message, **avoids)
        tokens.end(out, Ended.REALLOCATED)
        follow(instance.group_id)
    return instance


def set_deletion_cost(instance: Instance, cost: int) -> Instance:
    """Say what ending this instance costs, from 0 to 100,000: when the group is scaled down, cheap ones go first.
    Raises ValueError for other numbers."""
    if not 0 <= cost <= MAX_DELETION_COST:
        raise ValueError(f"a deletion cost is a number from 0 to {MAX_DELETION_COST}")
    if not Instance.objects.filter(pk=instance.pk).update(deletion_cost=cost, changed_at=Now()):
        raise Stale(f"Instance {instance.pk} is gone")
    instance.refresh_from_db()
    return instance


def _order(instance: Instance, order: str) -> Instance:
    there = Instance.objects.filter(pk=instance.pk, state=State.RUNNING, node__isnull=False)
    if not there.update(order=order, order_due_at=None, changed_at=Now()):
        raise Stale(f"Instance {instance.pk} doesn't run")
    instance.refresh_from_db()
    return instance
