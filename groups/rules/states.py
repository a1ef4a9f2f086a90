"""The allowed moves of every status, and the one way to make them.

`move` is a compare-and-set: it changes the row only where the status is still the one the caller saw, so that of
two who act at once one wins and the other hears Stale. Nothing else writes a status. What follows from a move is
the caller's, but for what people want to hear of a group: that is written with it (`groups.rules.events`).
"""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import models, transaction
from django.db.models.functions import Now

from groups.models import ContainerGroup, Image, ImageCheck, Instance
from groups.rules.events import note_move

Row = TypeVar("Row", ContainerGroup, Image, Instance, ImageCheck)

_Group, _Image, _Instance = ContainerGroup.Status, Image.Status, Instance.State
_Check = ImageCheck.Status

GROUP_MOVES: dict[str, frozenset[str]] = {
    _Group.PENDING: frozenset({_Group.STOPPED, _Group.DEPLOYING, _Group.FAILED}),
    _Group.STOPPED: frozenset({_Group.DEPLOYING}),
    _Group.DEPLOYING: frozenset({_Group.RUNNING, _Group.STOPPED}),
    _Group.RUNNING: frozenset({_Group.DEPLOYING, _Group.STOPPED, _Group.SUCCEEDED}),
    _Group.SUCCEEDED: frozenset({_Group.DEPLOYING}),
    _Group.FAILED: frozenset({_Group.PENDING}),
}
IMAGE_MOVES: dict[str, frozenset[str]] = {
    _Image.QUEUED: frozenset({_Image.PULLING, _Image.FAILED}),
    _Image.PULLING: frozenset({_Image.READY, _Image.QUEUED, _Image.FAILED}),
    _Image.READY: frozenset(),
    _Image.FAILED: frozenset(),
}
INSTANCE_MOVES: dict[str, frozenset[str]] = {
    _Instance.ALLOCATING: frozenset({_Instance.DOWNLOADING, _Instance.STOPPING}),
    _Instance.DOWNLOADING: frozenset({_Instance.CREATING, _Instance.RUNNING, _Instance.ALLOCATING, _Instance.STOPPING}),
    _Instance.CREATING: frozenset({_Instance.RUNNING, _Instance.ALLOCATING, _Instance.STOPPING}),
    _Instance.RUNNING: frozenset({_Instance.CREATING, _Instance.ALLOCATING, _Instance.STOPPING}),
    _Instance.STOPPING: frozenset(),
}
CHECK_MOVES: dict[str, frozenset[str]] = {
    _Check.QUEUED: frozenset({_Check.RUNNING, _Check.FAILED}),
    _Check.RUNNING: frozenset({_Check.DONE, _Check.FAILED}),
    _Check.DONE: frozenset(),
    _Check.FAILED: frozenset(),
}
MOVES: dict[type[models.Model], tuple[str, dict[str, frozenset[str]]]] = {
    ContainerGroup: ("status", GROUP_MOVES),
    Image: ("status", IMAGE_MOVES),
    Instance: ("state", INSTANCE_MOVES),
    ImageCheck: ("status", CHECK_MOVES),
}


class Stale(Exception):
    """The row is no longer in the status that the caller saw, or it is gone."""


class MoveForbidden(Exception):
    """The table has no such move: a mistake in the program, not a race."""


def move(row: Row, *, to: str, only: dict[str, Any] | None = None, **fields: Any) -> Row:
    """Move `row` from the status it was read with to `to`, and set `fields` with it.

    `only` narrows the condition further, such as to the current lease. On success the row in hand shows the new
    values. Raises MoveForbidden for a move that the table lacks, Stale when somebody else was first.
    """
    name, moves = MOVES[type(row)]
    was = getattr(row, name)
    if to not in moves[was]:
        raise MoveForbidden(f"{type(row).__name__}: {was} → {to}")
    if not isinstance(row, (Image, ImageCheck)):
        fields.setdefault("changed_at", Now())
    values: dict[str, Any] = {name: to, **fields}
    # django-stubs can't see that a type variable of models has a default manager.
    query = type(row)._default_manager.filter(pk=row.pk, **{name: was}, **(only or {}))
    with transaction.atomic():
        if query.update(**values) != 1:
            raise Stale(f"{type(row).__name__} {row.pk} is no longer {was}")
        row.refresh_from_db(fields=list(values))
        if isinstance(row, ContainerGroup):
            note_move(row, was)
    return row
