"""One change to an instance that a report requires, and carrying changes out.

Groups are locked before their instances, as when a group is stopped; another order could deadlock. Reports that change
no state lock nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from django.db.models.functions import Now

from groups.delivery import tokens
from groups.delivery.tokens import EndReason
from groups.models import ContainerGroup, Instance, NodeToken
from groups.rules.replicas import NO_ORDER, count_end, update_group_status
from groups.rules.states import Stale, move

State = Instance.State
EXCLUDE_AFTER_GIVING_BACK = timedelta(seconds=60)
"""How long an instance that a node gave back is not assigned to it again."""


@dataclass(frozen=True)
class Change:
    """Move `instance` to the state `to` and set `values` in its other columns. With `ends_with`, an exit code, it has
    ended for good instead. With `leaves` it is taken from its node."""

    instance: Instance
    to: str
    values: Mapping[str, object] = field(default_factory=dict)
    leaves: bool = False
    ends_with: int | None = None

    @property
    def moves(self) -> bool:
        """Whether it changes the state, which can change the group's status."""
        return self.ends_with is not None or self.to != self.instance.state


def carry_out(changes: Iterable[Change]) -> None:
    """Make the changes and update the status of their groups. Called in the poll's transaction."""
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
    issued = NodeToken.objects.filter(instance=instance)
    if change.ends_with is not None:
        tokens.end(issued, EndReason.DELIVERED)
        count_end(instance, change.ends_with)
    elif not change.moves:
        Instance.objects.filter(pk=instance.pk, state=instance.state).update(**change.values)
    else:
        place: dict[str, object] = {}
        if change.leaves:
            until = Now() + EXCLUDE_AFTER_GIVING_BACK
            place = {"node": None, "assigned_at": None, "excluded_node": instance.node, "excluded_until": until}
        try:
            move(instance, to=change.to, only=None, **{**NO_ORDER, **change.values, **place})
        except Stale:
            return
        tokens.end(issued, EndReason.DELIVERED if change.to != State.ALLOCATING else EndReason.GIVEN_BACK)
