"""What can be done to one instance: restart, recreate, reallocate, and say what its end would cost.

Restart and recreate are orders to its node, given with each poll until the node has begun. Each raises
`groups.rules.states.Stale` when the instance is no longer in a state that allows it, and is recorded with the group.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.db.models.functions import Now

from groups.models import Instance
from groups.rules.group_settings import MAX_DELETION_COST
from groups.rules.replicas import move_elsewhere
from groups.rules.states import Stale
from registries.foundation.activity import Target, Value, record
from registries.foundation.actor import Actor

State = Instance.State


def restart(instance: Instance, *, by: Actor) -> Instance:
    """Have the node end the container and start the same one again, data kept."""
    with transaction.atomic():
        _order(instance, Instance.Order.RESTART)
        _record(by, instance, f"restart of the instance {instance.pk}")
    return instance


def recreate(instance: Instance, *, by: Actor) -> Instance:
    """Have the node remove the container and make a new one from the image it has."""
    with transaction.atomic():
        _order(instance, Instance.Order.RECREATE)
        _record(by, instance, f"recreate of the instance {instance.pk}")
    return instance


def reallocate(instance: Instance, *, by: Actor) -> Instance:
    """Take the instance from its node and give it to another one; this node doesn't get it back for ten minutes and
    stops it when it polls."""
    with transaction.atomic():
        move_elsewhere(instance, message="Moved to another node.")
        _record(by, instance, f"reallocate of the instance {instance.pk}")
    return instance


def set_deletion_cost(instance: Instance, cost: int, *, by: Actor) -> Instance:
    """Say what ending this instance costs, from 0 to 100,000: when the group is scaled down, cheap ones go first.
    Raises ValueError for other numbers."""
    if not 0 <= cost <= MAX_DELETION_COST:
        raise ValueError(f"a deletion cost is a number from 0 to {MAX_DELETION_COST}")
    with transaction.atomic():
        current = Instance.objects.select_for_update(of=("self",)).filter(pk=instance.pk).first()
        if current is None:
            raise Stale(f"Instance {instance.pk} is gone")
        Instance.objects.filter(pk=instance.pk).update(deletion_cost=cost, changed_at=Now())
        if cost != current.deletion_cost:
            _record(
                by,
                instance,
                f"deletion cost {cost} of the instance {instance.pk}",
                before={"deletion_cost": current.deletion_cost},
                after={"deletion_cost": cost},
            )
    instance.refresh_from_db()
    return instance


def _order(instance: Instance, order: str) -> None:
    there = Instance.objects.filter(pk=instance.pk, state=State.RUNNING, node__isnull=False)
    if not there.update(order=order, order_due_at=None, changed_at=Now()):
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
