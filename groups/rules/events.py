"""Events of a group or an organization that people can be notified of, written in the transaction in which they happen.

The rows are an outbox. `portal.notifications` finds the recipients and sends.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models.functions import Now

from groups.models import ContainerGroup, NodeToken, Occurrence
from groups.rules.wakeups import enqueue_fan_out
from registries.foundation.ids import OrganizationId

Kind = Occurrence.Kind
Status = ContainerGroup.Status
MIN_SECONDS_BETWEEN_REPLAYS = 3600
"""Repeated presentations of a group's used tokens make one event in this time."""
_MOVES = {
    (Status.PENDING, Status.STOPPED): Kind.READY,
    (Status.PENDING, Status.DEPLOYING): Kind.READY,
    (Status.PENDING, Status.FAILED): Kind.FAILED,
    (Status.DEPLOYING, Status.RUNNING): Kind.RUNNING,
}


def note_move(group: ContainerGroup, was: str) -> None:
    """Write the event of a group's transition from the status `was`, if that transition has one."""
    kind = _MOVES.get((Status(was), Status(group.status)))
    if kind is None:
        return
    failure = group.failures.order_by("-created_at").first() if kind == Kind.FAILED else None
    row = Occurrence.objects.create(
        organization_id=group.organization_id, group=group, group_name=group.name, kind=kind, failure=failure
    )
    enqueue_fan_out(row.pk)


def note_of_organization(organization_id: OrganizationId, kind: Occurrence.Kind) -> None:
    """Write an event of an organization's own, which is about none of its groups."""
    enqueue_fan_out(Occurrence.objects.create(organization_id=organization_id, kind=kind).pk)


def note_replay(token: NodeToken) -> None:
    """Write the event that a token of this group was presented again or by another node, at most once an hour."""
    since = Now() - timedelta(seconds=MIN_SECONDS_BETWEEN_REPLAYS)
    replays = Occurrence.objects.filter(
        organization_id=token.organization_id, group=token.group_id, group_name=token.group_name,
        kind=Kind.REPLAY_REFUSED,
    )  # fmt: skip
    if replays.filter(created_at__gt=since).exists():
        return
    row = Occurrence.objects.create(
        organization_id=token.organization_id,
        group_id=token.group_id,
        group_name=token.group_name,
        kind=Kind.REPLAY_REFUSED,
        node_name=token.node_name,
    )
    enqueue_fan_out(row.pk)
