"""Recording what an action did, in the action's own transaction.

The organizations' activity is a table of the portal's. Lower apps reach it through `settings.ACTIVITY_RECORDER`, the
dotted path of a function with the signature of `Recorder`.

`record` is the last statement of an action: it takes the lock of the organization's activity, which comes after all
other locks. For the same reason an action never calls another action.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

from registries.foundation.actor import Actor
from registries.foundation.ids import OrganizationId

Value: TypeAlias = str | int | bool | list[str] | None


@dataclass(frozen=True, slots=True)
class Target:
    """What an action was done to: its kind (`group`, `credential`, `member`, …), its primary key, and its name."""

    kind: str
    id: object = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityEntry:
    """One action that was performed. `action` is a stable code such as `group.created`. `detail` says in a few words
    what changed; `before` and `after` hold the changed settings by name. None of them ever holds a secret.
    `organization_id` is None where no organization is concerned, as with a node."""

    by: Actor
    action: str
    target: Target
    organization_id: OrganizationId | None
    detail: str = ""
    before: Mapping[str, Value] = field(default_factory=dict)
    after: Mapping[str, Value] = field(default_factory=dict)


class Recorder(Protocol):
    """Appends an entry to the activity."""

    def __call__(self, entry: ActivityEntry) -> None: ...


class Eraser(Protocol):
    """Deletes what the activity says about a target, and records that. Returns the number of rows that lost their
    text."""

    def __call__(self, target: Target, *, organization_id: OrganizationId, reason: str, by: Actor) -> int: ...


class NotInTransaction(RuntimeError):
    """An action was recorded outside its transaction: a mistake in the program."""


def record(
    by: Actor,
    action: str,
    target: Target,
    *,
    organization_id: OrganizationId | None,
    detail: str = "",
    before: Mapping[str, Value] | None = None,
    after: Mapping[str, Value] | None = None,
) -> None:
    """Append what was done to the activity. Raises NotInTransaction outside `transaction.atomic`."""
    if not connection.in_atomic_block:
        raise NotInTransaction(action)
    recorder: Recorder = import_string(settings.ACTIVITY_RECORDER)
    recorder(
        ActivityEntry(
            by=by,
            action=action,
            target=target,
            organization_id=organization_id,
            detail=detail,
            before=before or {},
            after=after or {},
        )
    )


def erase_texts(target: Target, *, organization_id: OrganizationId, reason: str, by: Actor) -> int:
    """Delete the names and details of all that was recorded about `target`, and record each erasure with `reason`,
    which must not repeat what is erased. Returns how many rows lost their text. Raises NotInTransaction outside
    `transaction.atomic`."""
    if not connection.in_atomic_block:
        raise NotInTransaction("erase_texts")
    eraser: Eraser = import_string(settings.ACTIVITY_ERASER)
    return eraser(target, organization_id=organization_id, reason=reason, by=by)
