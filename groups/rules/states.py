"""The allowed transitions of every status, and the only function that makes them.

`move` is a compare-and-set: it changes the row only if the status is still the one the caller read, so of two callers
at once one succeeds and the other gets Stale. No other code writes a status. Callers handle the consequences of a
transition, except events about a group: `move` writes them in the same transaction (`groups.rules.events`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

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
    """The row is no longer in the status that the caller read, or it was deleted."""


class MoveForbidden(Exception):
    """The table has no such transition: a bug, not a race."""


def move(row: Row, *, to: str, only: Mapping[str, object] | None = None, **fields: object) -> Row:
    """Move `row` from the status it was read with to `to`, and set `fields` in the same statement.

    `only` adds conditions, such as the current lease. On success `row` has the new values. Raises MoveForbidden for a
    transition that the table lacks, and Stale if another caller changed the row first.
    """
    name, moves = MOVES[type(row)]
    was = getattr(row, name)
    if to not in moves[was]:
        raise MoveForbidden(f"{type(row).__name__}: {was} → {to}")
    if not isinstance(row, (Image, ImageCheck)):
        fields.setdefault("changed_at", Now())
    values: dict[str, object] = {name: to, **fields}
    # django-stubs can't see that a type variable of models has a default manager.
    query = type(row)._default_manager.filter(pk=row.pk, **{name: was}, **(only or {}))
    with transaction.atomic():
        if query.update(**values) != 1:
            raise Stale(f"{type(row).__name__} {row.pk} is no longer {was}")
        row.refresh_from_db(fields=list(values))
        if isinstance(row, ContainerGroup):
            note_move(row, was)
    return row
