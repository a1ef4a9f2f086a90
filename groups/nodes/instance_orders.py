"""Actions on one instance: restart, recreate, reallocate (move to another node), and set its deletion cost.

Restart and recreate are orders to the node, repeated with each poll until the node has begun. Each action raises
`groups.rules.states.Stale` if the instance is no longer in a state that allows it, and is recorded with the group.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.db.models.functions import Now

from groups.models import Instance
from groups.nodes.instance_moves import move_to_another_node
from groups.rules.group_settings import MAX_DELETION_COST
from groups.rules.states import Stale
from registries.foundation.activity import Target, Value, record
from registries.foundation.actor import Actor

State = Instance.State


def restart(instance: Instance, *, by: Actor) -> Instance:
    """Order the node to restart the container; its data is kept."""
    with transaction.atomic():
        _order(instance, Instance.Order.RESTART)
        _record(by, instance, f"restarted the instance {instance.pk}")
    return instance


def recreate(instance: Instance, *, by: Actor) -> Instance:
    """Order the node to remove the container and create a new one from the image that it has; the data is lost."""
    with transaction.atomic():
        _order(instance, Instance.Order.RECREATE)
        _record(by, instance, f"recreated the instance {instance.pk}")
    return instance


def reallocate(instance: Instance, *, by: Actor) -> Instance:
    """Move the instance to another node; its data is lost. This node is excluded for ten minutes."""
    with transaction.atomic():
        move_to_another_node(instance, message="Moved to another node.")
        _record(by, instance, f"moved the instance {instance.pk} to another node")
    return instance


def set_deletion_cost(instance: Instance, cost: int, *, by: Actor) -> Instance:
    """Set the cost of ending this instance, 0 to 100,000: scaling down ends instances with the lowest cost first.
    Raises ValueError for other numbers."""
    if not 0 <= cost <= MAX_DELETION_COST:
        raise ValueError(f"a deletion cost is a number from 0 to {MAX_DELETION_COST}")
    with transaction.atomic():
        current = Instance.objects.select_for_update(of=("self",)).filter(pk=instance.pk).first()
        if current is None:
            raise Stale(f"Instance {instance.pk} is gone")
        if cost != current.deletion_cost:
            Instance.objects.filter(pk=instance.pk).update(deletion_cost=cost, changed_at=Now())
            _record(
                by,
                instance,
                f"set the deletion cost of the instance {instance.pk} to {cost}",
                before={"deletion_cost": current.deletion_cost},
                after={"deletion_cost": cost},
            )
    instance.refresh_from_db()
    return instance


def _order(instance: Instance, order: str) -> None:
    running = Instance.objects.filter(pk=instance.pk, state=State.RUNNING, node__isnull=False)
    if not running.update(order=order, order_due_at=None, changed_at=Now()):
        raise Stale(f"Instance {instance.pk} doesn't run")
    instance.refresh_from_db()


def _record(
    by: Actor,
    instance: Instance,
    detail: str,
    *,
    before: Mapping[str, Value] | None = None,
    after: Mapping[str, Value] | None = None,
) -> None:
    group = instance.group
    target = Target("group", group.pk, group.name)
    record(
        by,
        "group.changed",
        target,
        organization_id=group.organization_id,
        detail=detail,
        before=before,
        after=after,
    )
