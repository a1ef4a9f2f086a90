"""What happens to a group that people may want to hear of: written in the transaction in which it happens.

The rows are an outbox. Who hears of it, and how, is `portal.notifications`'s.
"""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from groups.models import ContainerGroup, NodeToken, Occurrence
from groups.rules.wakeups import enqueue_fan_out

Kind = Occurrence.Kind
Status = ContainerGroup.Status
ONE_REPLAY_SECONDS = 3600
"""Whoever presents a used token over and over is told of once in that time."""
_MOVES = {
    (Status.PENDING, Status.STOPPED): Kind.READY,
    (Status.PENDING, Status.DEPLOYING): Kind.READY,
    (Status.PENDING, Status.FAILED): Kind.FAILED,
    (Status.DEPLOYING, Status.RUNNING): Kind.RUNNING,
}


def note_move(group: ContainerGroup, was: str) -> None:
    """Write down a group's move where somebody may want to hear of it."""
    kind = _MOVES.get((Status(was), Status(group.status)))
    if kind is None:
        return
    failure = group.failures.order_by("-created_at").first() if kind == Kind.FAILED else None
    row = Occurrence.objects.create(
        organization_id=group.organization_id, group=group, group_name=group.name, kind=kind, failure=failure
    )
    enqueue_fan_out(row.pk)


def note_replay(token: NodeToken) -> None:
    """Write down that somebody presented a token of this group that was used or is another node's."""
    since = timezone.now() - timedelta(seconds=ONE_REPLAY_SECONDS)
    known = Occurrence.objects.filter(
        organization_id=token.organization_id, group_name=token.group_name, kind=Kind.REPLAY_REFUSED
    )
    if known.filter(created_at__gt=since).exists():
        return
    row = Occurrence.objects.create(
        organization_id=token.organization_id,
        group_id=token.group_id,
        group_name=token.group_name,
        kind=Kind.REPLAY_REFUSED,
        node_name=token.node_name,
    )
    enqueue_fan_out(row.pk)
