"""What a node's report changes: the states of its instances, and of their groups.

A node speaks for its own instances only. What it doesn't list, it doesn't have: what was stopping is gone, the rest
is given out again, so neither a lost answer nor a lost disk loses an instance.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from groups.delivery import tokens
from groups.delivery.tokens import Ended
from groups.models import ContainerGroup, Instance, Node, NodeToken
from groups.nodes.report import Report, Reported
from groups.states import INSTANCE_MOVES, Stale, move

State, Status = Instance.State, ContainerGroup.Status
LOST = "Its node no longer had it."


@dataclass(frozen=True)
class _Change:
    instance: Instance
    to: str
    progress: int = 0
    message: str = ""
    keeps_node: bool = True


def settle(node: Node, report: Report) -> list[str]:
    """Bring the rows in line with what the node reports; return the instances that it is to stop. Called in the
    poll's transaction."""
    stop = []
    mine = {instance.id: instance for instance in node.instances.all()}
    changes: list[_Change] = []
    for each in report.instances:
        instance = mine.pop(each.id, None)
        if instance is None or instance.state == State.STOPPING:
            stop.append(str(each.id))
        elif (change := _change(instance, each)) is not None:
            changes.append(change)
    changes += _unlisted(mine.values())
    _carry_out(changes)
    return stop


def _change(instance: Instance, reported: Reported) -> _Change | None:
    """What the report of one instance asks for. Reports that lag behind ours ask for nothing."""
    if instance.state == State.ALLOCATING:
        return None
    if reported.state == State.ALLOCATING:
        return _Change(instance, State.ALLOCATING, message=reported.message, keeps_node=False)
    if reported.state == instance.state:
        same = (reported.progress, reported.message) == (instance.progress, instance.message)
        return None if same else _Change(instance, instance.state, reported.progress, reported.message)
    if reported.state == State.STOPPING or reported.state not in INSTANCE_MOVES[instance.state]:
        return None
    return _Change(instance, reported.state, reported.progress, reported.message)


def _unlisted(instances: Iterable[Instance]) -> list[_Change]:
    """A download that isn't listed may be an answer that got lost: `groups.nodes.handover` gives it again."""
    gone = [instance for instance in instances if instance.state == State.STOPPING]
    if gone:
        tokens.end(NodeToken.objects.filter(instance__in=gone), Ended.STOPPED)
        Instance.objects.filter(pk__in=[instance.pk for instance in gone], state=State.STOPPING).delete()
    lost = [instance for instance in instances if instance.state in (State.CREATING, State.RUNNING)]
    return [_Change(instance, State.ALLOCATING, message=LOST) for instance in lost]


def _carry_out(changes: list[_Change]) -> None:
    moving = [change for change in changes if change.to != change.instance.state]
    # Whoever stops a group locks the group first, then its instances: the same order here, or the two may block
    # each other. Reports that move nothing lock nothing.
    group_ids = sorted({change.instance.group_id for change in moving}, key=str)
    if group_ids:
        list(ContainerGroup.objects.select_for_update(no_key=True).filter(pk__in=group_ids).order_by("pk"))
    for change in changes:
        instance = change.instance
        if change.to == instance.state:
            Instance.objects.filter(pk=instance.pk, state=instance.state).update(
                progress=change.progress, message=change.message
            )
            continue
        place = {} if change.keeps_node else {"node": None, "assigned_at": None}
        try:
            move(instance, to=change.to, progress=change.progress, message=change.message, **place)
        except Stale:
            continue
        because = Ended.DELIVERED if change.to != State.ALLOCATING else Ended.GIVEN_BACK
        tokens.end(NodeToken.objects.filter(instance=instance), because)
    for group_id in group_ids:
        follow(group_id)


def follow(group_id: UUID) -> None:
    """Have the group be `running` while one of its instances runs, and `deploying` when none does any more."""
    group = ContainerGroup.objects.select_for_update(no_key=True).filter(pk=group_id).first()
    if group is None:
        return
    runs = group.instances.filter(state=State.RUNNING).exists()
    try:
        if runs and group.status == Status.DEPLOYING:
            move(group, to=Status.RUNNING)
        elif not runs and group.status == Status.RUNNING:
            move(group, to=Status.DEPLOYING)
    except Stale:
        pass
