"""What follows from the end of a container: its replica is over, or it is started again after a wait.

As the group's restart policy says: `always` starts again, `on_failure` after an exit code other than 0, `never` not
at all. The wait doubles with each end in a row. What keeps failing on one node is given to another.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from groups.models import ContainerGroup, Instance
from groups.nodes.instance_changes import Change
from groups.nodes.report import Reported
from groups.rules.replicas import NO_ORDER

Policy, State = ContainerGroup.RestartPolicy, Instance.State
FIRST_WAIT_SECONDS, MAX_WAIT_SECONDS = 10, 300
STEADY_AFTER = timedelta(minutes=10)
"""Whoever ran for so long begins anew with the shortest wait."""
MAX_FAILURES_ON_A_NODE = 5


def ended(instance: Instance, reported: Reported) -> Change | None:
    """Return what a report of `exited` asks for; nothing where that end has been heard of."""
    code = reported.exit_code or 0
    policy = instance.group.restart_policy
    if policy == Policy.NEVER or (policy == Policy.ON_FAILURE and code == 0):
        return Change(instance, instance.state, ends_with=code)
    if instance.state == State.CREATING and instance.order:
        return None
    count = _in_a_row(instance)
    if _is_enough(count, code):
        return _given_back(instance, count, code)
    wait = wait_seconds(count)
    values = {"order": Instance.Order.RESTART, "order_due_at": Now() + timedelta(seconds=wait)}
    message = f"Ended with exit code {code}; starts again in {wait} s."
    return Change(instance, State.CREATING, _noted(count, code, message) | values)


def begins_again(instance: Instance, reported: Reported) -> Change:
    """Return what it asks for that the node itself is about to start a container again which has ended."""
    code = reported.exit_code or 0
    count = _in_a_row(instance)
    if _is_enough(count, code):
        return _given_back(instance, count, code)
    message = reported.message or f"Ended with exit code {code}; starts again."
    return Change(instance, State.CREATING, _noted(count, code, message) | NO_ORDER)


def wait_seconds(exits: int) -> int:
    """How long to wait after so many ends in a row: 10 s, 20 s, … at most 5 min."""
    return int(min(MAX_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** min(exits - 1, 10)))


def _in_a_row(instance: Instance) -> int:
    steady = instance.state == State.RUNNING and timezone.now() - instance.changed_at >= STEADY_AFTER
    return 1 if steady else instance.exits + 1


def _is_enough(count: int, code: int) -> bool:
    return code != 0 and count % MAX_FAILURES_ON_A_NODE == 0


def _given_back(instance: Instance, count: int, code: int) -> Change:
    message = f"Ended {count} times in a row, last with exit code {code}: another node tries."
    return Change(instance, State.ALLOCATING, _noted(count, code, message), leaves=True)


def _noted(count: int, code: int, message: str) -> dict[str, Any]:
    return {"exits": count, "exit_code": code, "message": message, "progress": 0}
