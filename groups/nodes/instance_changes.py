"""One change to an instance that a report asks for, and carrying changes out.

Whoever stops a group locks the group first, then its instances: the same order here, or the two may block each other.
Reports that move nothing lock nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from groups.delivery import tokens
from groups.delivery.tokens import EndReason
from groups.models import ContainerGroup, Instance, NodeToken
from groups.rules.replicas import NO_ORDER, count_end, update_group_status
from groups.rules.states import Stale, move

State = Instance.State
COOL_DOWN = timedelta(seconds=60)
"""How long what a node gave back is kept for others."""


@dataclass(frozen=True)
class Change:
    """`instance` goes to the state `to`, with `values` in its other columns. With `ends_with`, an exit code, it is
    over instead; with `leaves` its node doesn't have it any more."""

    instance: Instance
    to: str
    values: dict[str, Any] = field(default_factory=dict)
    leaves: bool = False
    ends_with: int | None = None

    @property
    def moves(self) -> bool:
        """Whether it changes the state, so that the group's may follow."""
        return self.ends_with is not None or self.to != self.instance.state


def carry_out(changes: Iterable[Change]) -> None:
    """Make the changes, and have their groups follow. Called in the poll's transaction."""
    changes = list(changes)
    group_ids = sorted({change.instance.group_id for change in changes if change.moves}, key=str)
    if group_ids:
        list(ContainerGroup.objects.select_for_update(no_key=True).filter(pk__in=group_ids).order_by("pk"))
    for change in changes:
        _carry_out(change)
    for group_id in group_ids:
        update_group_status(group_id)


def _carry_out(change: Change) -> None:
    instance = change.instance
    out = NodeToken.objects.filter(instance=instance)
    if change.ends_with is not None:
        tokens.end(out, EndReason.DELIVERED)
        count_end(instance, change.ends_with)
    elif not change.moves:
        Instance.objects.filter(pk=instance.pk, state=instance.state).update(**change.values)
    else:
        place: dict[str, Any] = {}
        if change.leaves:
            until = Now() + COOL_DOWN
            place = {"node": None, "assigned_at": None, "avoids": instance.node, "avoids_until": until}
        try:
            move(instance, to=change.to, **NO_ORDER | change.values, **place)
        except Stale:
            return
        tokens.end(out, EndReason.DELIVERED if change.to != State.ALLOCATING else EndReason.GIVEN_BACK)
