"""The instances that a group should have: adding the missing, ending the rest, and the state that follows for the
group.

Called in the transaction that moves the group or its instances. Which node takes one is `groups.nodes`'s.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Case, Count, F, Q, Value, When
from django.db.models.functions import Now

from groups.delivery import tokens
from groups.delivery.tokens import EndReason
from groups.models import ContainerGroup, Image, Instance, NodeToken
from groups.rules.states import Stale, move

Status = ContainerGroup.Status
State = Instance.State
STOPPING = State.STOPPING
EXCLUDE_NODE_FOR = timedelta(minutes=10)
"""How long a node doesn't get an instance back that was moved away from it."""
NO_ORDER: dict[str, Any] = {"order": "", "order_due_at": None}
_PROGRESS = [State.ALLOCATING, State.DOWNLOADING, State.CREATING, State.RUNNING]


def add_instances(group: ContainerGroup) -> None:
    """Write the instances that the group still lacks. Those that are stopping are on their way out: none of them
    will run again, nor will a replica that came to its end."""
    has = group.instances.exclude(state=STOPPING).count()
    Instance.objects.bulk_create(Instance(group=group) for _ in range(_wanted(group) - has))


def top_up() -> int:
    """Give groups that should run, and have fewer instances than replicas, what they lack; return how many such
    groups there were."""
    has = Count("instances", filter=~Q(instances__state=STOPPING))
    lacking = F("replicas") - F("ended_well") - F("ended_badly")
    wanted = ContainerGroup.objects.active()
    topped_up = 0
    for group_id in wanted.annotate(has=has).filter(has__lt=lacking).values_list("pk", flat=True):
        with transaction.atomic():
            # Whoever starts or stops the group writes its row: one after the other, each counting afresh.
            group = wanted.select_for_update(no_key=True).filter(pk=group_id).first()
            if group is not None:
                add_instances(group)
                topped_up += 1
    return topped_up


def end_instances(group: ContainerGroup) -> None:
    """Ask every instance of the group to stop. Those that no node has are gone at once."""
    group.instances.filter(node__isnull=True).delete()
    _stop(list(group.instances.exclude(state=STOPPING)))


def stop_group(group: ContainerGroup) -> None:
    """Move the group to `stopped` and end its instances. Raises Stale where it doesn't run any more."""
    move(group, to=Status.STOPPED)
    end_instances(group)


def match_replicas(group: ContainerGroup) -> None:
    """Have the group, where it runs, run as many replicas as its row says. The row is locked."""
    if group.status in ContainerGroup.ACTIVE:
        add_instances(group)
        end_surplus(group)
        update_group_status(group.pk)


def move_elsewhere(instance: Instance, *, message: str) -> None:
    """Take the instance from its node and give it to another one; this node doesn't get it back for ten minutes and
    stops it when it polls. Raises Stale where no node has it, or it is stopping."""
    # The order of locks that reports keep too: the group, then the instance.
    list(ContainerGroup.objects.select_for_update(no_key=True).filter(pk=instance.group_id))
    instance.refresh_from_db()
    if instance.node_id is None or instance.state == STOPPING:
        raise Stale(f"Instance {instance.pk} is on no node")
    out = NodeToken.objects.filter(instance=instance, node=instance.node_id)
    take_from_node(instance, message=message, avoids=instance.node, avoids_until=Now() + EXCLUDE_NODE_FOR)
    tokens.end(out, EndReason.REALLOCATED)
    update_group_status(instance.group_id)


def take_from_node(instance: Instance, *, message: str, **values: Any) -> None:
    """Have the instance wait for a node again, with `values` in its other columns. The group's row is locked. Raises
    Stale where it isn't on this node in this state any more."""
    values |= {"node": None, "assigned_at": None, "progress": 0, "message": message, **NO_ORDER}
    if instance.state != State.ALLOCATING:
        move(instance, to=State.ALLOCATING, only={"node": instance.node_id}, **values)
        return
    # It is in that state already: only its place changes.
    here = Instance.objects.filter(pk=instance.pk, state=State.ALLOCATING, node=instance.node_id)
    if not here.update(**values, changed_at=Now()):
        raise Stale(f"Instance {instance.pk} is no longer there")
    instance.refresh_from_db()


def renew_instances(group: ContainerGroup) -> None:
    """Have the group, where it runs, run anew: what it has is asked to stop, and as many instances are written. The
    group's row is locked."""
    if group.status in ContainerGroup.ACTIVE:
        end_instances(group)
        add_instances(group)
        update_group_status(group.pk)


def promote_next_image(image: Image) -> None:
    """Have the groups that waited for this image use it from now on. Called in the transaction that makes it ready;
    the images that they had are for `groups.sweep`."""
    for group in image.next_for.select_for_update(of=("self",)).order_by("pk"):
        rows = ContainerGroup.objects.filter(pk=group.pk)
        rows.update(image=image, next_image=None, version=F("version") + 1, changed_at=Now())
        group.refresh_from_db()
        renew_instances(group)


def end_surplus(group: ContainerGroup) -> None:
    """Ask the instances that the group has too many of to stop: first those that are least far, then those that cost
    least to end, then the newest."""
    there = group.instances.exclude(state=STOPPING)
    far = Case(*(When(state=state, then=Value(place)) for place, state in enumerate(_PROGRESS)), default=Value(0))
    placed = Case(When(node__isnull=True, then=Value(0)), default=Value(1))
    order = (placed, far, "deletion_cost", "progress", "-created_at", "pk")
    surplus = list(there.order_by(*order)[: max(0, there.count() - _wanted(group))])
    Instance.objects.filter(pk__in=[instance.pk for instance in surplus], node__isnull=True).delete()
    _stop([instance for instance in surplus if instance.node_id is not None])


def update_group_status(group_id: UUID) -> None:
    """Have the group be `running` while one of its instances runs, and `deploying` when none does any more. Where
    every replica has come to its end, it is `succeeded`, or `stopped` if one of them ended with an error."""
    group = ContainerGroup.objects.select_for_update(no_key=True).filter(pk=group_id).first()
    if group is None or group.status not in ContainerGroup.ACTIVE:
        return
    ended = group.ended_well + group.ended_badly
    there = group.instances.exclude(state=STOPPING)
    if ended and ended >= group.replicas and not there.exists():
        if group.status == Status.DEPLOYING and not group.ended_badly:
            move(group, to=Status.RUNNING)  # it did run, between two reports
        move(group, to=Status.STOPPED if group.ended_badly else Status.SUCCEEDED)
        return
    runs = group.instances.filter(state=State.RUNNING).exists()
    if runs and group.status == Status.DEPLOYING:
        move(group, to=Status.RUNNING)
    elif not runs and group.status == Status.RUNNING:
        move(group, to=Status.DEPLOYING)


def count_end(instance: Instance, exit_code: int) -> bool:
    """Take the instance, whose container came to its end for good, off its group and count it there. Returns whether
    it was there. The group's row is locked."""
    if not Instance.objects.filter(pk=instance.pk, state=instance.state, node=instance.node_id).delete()[0]:
        return False
    group = ContainerGroup.objects.filter(pk=instance.group_id)
    if exit_code == 0:
        group.update(ended_well=F("ended_well") + 1, changed_at=Now())
    else:
        group.update(ended_badly=F("ended_badly") + 1, last_exit_code=exit_code, changed_at=Now())
    return True


def _wanted(group: ContainerGroup) -> int:
    return max(0, group.replicas - group.ended_well - group.ended_badly)


def _stop(instances: list[Instance]) -> None:
    for instance in instances:
        try:
            move(instance, to=STOPPING, message="", progress=0, **NO_ORDER)
        except Stale:
            continue  # its node reported in between; the next stop or poll settles it
