"""Keeping a group's instances at its number of replicas: adding missing ones, ending surplus ones, and updating the
group's status.

Called in the transaction that changes the group or its instances. `groups.nodes` assigns instances to nodes.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Case, Count, F, Q, Value, When
from django.db.models.functions import Now

from groups.models import ContainerGroup, Image, Instance
from groups.rules.states import Stale, move
from registries.foundation.ids import GroupId

Status = ContainerGroup.Status
State = Instance.State
STOPPING = State.STOPPING
NO_ORDER: dict[str, object] = {"order": "", "order_due_at": None}
"""The columns of an instance whose node has nothing to do with its container."""
_PROGRESS = [State.ALLOCATING, State.DOWNLOADING, State.CREATING, State.RUNNING]


def add_instances(group: ContainerGroup) -> None:
    """Create the instances that the group lacks. Stopping instances don't count, and replicas that ended for good are
    not replaced."""
    has = group.instances.exclude(state=STOPPING).count()
    Instance.objects.bulk_create(Instance(group=group) for _ in range(_wanted(group) - has))


def top_up() -> int:
    """Create missing instances for all active groups that have fewer than they should; return the number of those
    groups."""
    has = Count("instances", filter=~Q(instances__state=STOPPING))
    lacking = F("replicas") - F("succeeded_replicas") - F("failed_replicas")
    wanted = ContainerGroup.objects.active()
    topped_up = 0
    for group_id in wanted.annotate(has=has).filter(has__lt=lacking).values_list("pk", flat=True):
        with transaction.atomic():
            # Starting or stopping the group writes its row, so that each counts after the other has committed.
            group = wanted.select_for_update(no_key=True).filter(pk=group_id).first()
            if group is not None:
                add_instances(group)
                topped_up += 1
    return topped_up


def _end_instances(group: ContainerGroup) -> None:
    """Ask every instance of the group to stop; delete those that no node has."""
    group.instances.filter(node__isnull=True).delete()
    _stop(list(group.instances.exclude(state=STOPPING)))


def stop_group(group: ContainerGroup) -> None:
    """Move the group to `stopped` and end its instances. Raises Stale if it is no longer active."""
    move(group, to=Status.STOPPED)
    _end_instances(group)


def match_replicas(group: ContainerGroup) -> None:
    """Add or end instances so that an active group has as many as its row says. The caller has locked the row."""
    if group.status in ContainerGroup.ACTIVE:
        add_instances(group)
        _end_surplus(group)
        update_group_status(group.pk)


def take_from_node(instance: Instance, *, message: str, **values: object) -> None:
    """Return the instance to `allocating` without a node, and set `values` in its other columns. The caller has locked
    the group's row. Raises Stale if the instance is no longer on this node in this state."""
    values |= {"node": None, "assigned_at": None, "progress": 0, "message": message, **NO_ORDER}
    if instance.state != State.ALLOCATING:
        move(instance, to=State.ALLOCATING, only={"node": instance.node_id}, **values)
        return
    # The state stays, only the node changes, so `move` does not apply.
    here = Instance.objects.filter(pk=instance.pk, state=State.ALLOCATING, node=instance.node_id)
    if not here.update(**values, changed_at=Now()):
        raise Stale(f"Instance {instance.pk} is no longer there")
    instance.refresh_from_db()


def renew_instances(group: ContainerGroup) -> None:
    """Replace all instances of an active group: ask the present ones to stop and create new ones. The caller has locked
    the group's row."""
    if group.status in ContainerGroup.ACTIVE:
        _end_instances(group)
        add_instances(group)
        update_group_status(group.pk)


def promote_next_image(image: Image) -> None:
    """Make this image the current one of all groups whose next image it is. Called in the transaction that makes it
    ready; `groups.sweep` deletes the previous images."""
    for group in image.next_for.select_for_update(of=("self",)).order_by("pk"):
        rows = ContainerGroup.objects.filter(pk=group.pk)
        rows.update(image=image, next_image=None, version=F("version") + 1, changed_at=Now())
        group.refresh_from_db()
        renew_instances(group)


def _end_surplus(group: ContainerGroup) -> None:
    """Ask surplus instances to stop: those without a node first, then those in the earliest state, then those with the
    lowest deletion cost, then the newest."""
    present = group.instances.exclude(state=STOPPING)
    state_rank = Case(*(When(state=state, then=Value(rank)) for rank, state in enumerate(_PROGRESS)), default=Value(0))
    has_node = Case(When(node__isnull=True, then=Value(0)), default=Value(1))
    order = (has_node, state_rank, "deletion_cost", "progress", "-created_at", "pk")
    surplus = list(present.order_by(*order)[: max(0, present.count() - _wanted(group))])
    Instance.objects.filter(pk__in=[instance.pk for instance in surplus], node__isnull=True).delete()
    _stop([instance for instance in surplus if instance.node_id is not None])


def update_group_status(group_id: GroupId) -> None:
    """Derive an active group's status from its instances: `running` while at least one runs, else `deploying`. Once
    every replica has ended for good it is `succeeded`, or `stopped` if one of them ended with an error."""
    group = ContainerGroup.objects.select_for_update(no_key=True).filter(pk=group_id).first()
    if group is None or group.status not in ContainerGroup.ACTIVE:
        return
    ended = group.succeeded_replicas + group.failed_replicas
    present = group.instances.exclude(state=STOPPING)
    if ended and ended >= group.replicas and not present.exists():
        if group.status == Status.DEPLOYING and not group.failed_replicas:
            move(group, to=Status.RUNNING)  # it ran between two reports
        move(group, to=Status.STOPPED if group.failed_replicas else Status.SUCCEEDED)
        return
    is_running = group.instances.filter(state=State.RUNNING).exists()
    if is_running and group.status == Status.DEPLOYING:
        move(group, to=Status.RUNNING)
    elif not is_running and group.status == Status.RUNNING:
        move(group, to=Status.DEPLOYING)


def count_end(instance: Instance, exit_code: int) -> bool:
    """Delete an instance whose container ended for good and count its end in the group. Returns whether the instance
    was still there. The caller has locked the group's row."""
    if not Instance.objects.filter(pk=instance.pk, state=instance.state, node=instance.node_id).delete()[0]:
        return False
    group = ContainerGroup.objects.filter(pk=instance.group_id)
    if exit_code == 0:
        group.update(succeeded_replicas=F("succeeded_replicas") + 1, changed_at=Now())
    else:
        group.update(failed_replicas=F("failed_replicas") + 1, last_exit_code=exit_code, changed_at=Now())
    return True


def _wanted(group: ContainerGroup) -> int:
    return max(0, group.replicas - group.succeeded_replicas - group.failed_replicas)


def _stop(instances: list[Instance]) -> None:
    for instance in instances:
        try:
            move(instance, to=STOPPING, message="", progress=0, order="", order_due_at=None)
        except Stale:
            continue  # its node reported in between; the next stop or poll handles it
