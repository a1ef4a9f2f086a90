"""What follows from the end of a container: the replica has ended for good, or is restarted after a wait.

The group's restart policy decides: `always` restarts, `on_failure` only after an exit code other than 0, `never` does
not. The wait doubles with each end in a row. An instance that keeps failing on one node moves to another.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models.functions import Now

from groups.models import ContainerGroup, Instance
from groups.nodes.instance_changes import Change
from groups.nodes.report import Reported
from groups.rules.replicas import NO_ORDER
from registries.foundation.clock import database_now

Policy, State = ContainerGroup.RestartPolicy, Instance.State
FIRST_WAIT_SECONDS, MAX_WAIT_SECONDS = 10, 300
STEADY_AFTER = timedelta(minutes=10)
"""After running this long, a container that ends waits the shortest time again."""
MAX_FAILURES_ON_A_NODE = 5


def after_exit(instance: Instance, reported: Reported) -> Change | None:
    """Return the change that a report of `exited` requires; None if that end was reported before."""
    code = reported.exit_code or 0
    policy = instance.group.restart_policy
    if policy == Policy.NEVER or (policy == Policy.ON_FAILURE and code == 0):
        return Change(instance, instance.state, ends_with=code)
    if instance.state == State.CREATING and instance.order:
        return None
    count = _in_a_row(instance)
    if _exceeds_limit(count, code):
        return _moved_away(instance, count, code)
    wait = wait_seconds(count)
    values: dict[str, object] = {"order": Instance.Order.RESTART, "order_due_at": Now() + timedelta(seconds=wait)}
    message = f"Ended with exit code {code}; starts again in {wait} s."
    return Change(instance, State.CREATING, _exit_columns(count, code, message) | values)


def before_restart(instance: Instance, reported: Reported) -> Change:
    """Return the change for a container that has ended and that the node itself is about to restart."""
    code = reported.exit_code or 0
    count = _in_a_row(instance)
    if _exceeds_limit(count, code):
        return _moved_away(instance, count, code)
    message = reported.message or f"Ended with exit code {code}; starts again."
    return Change(instance, State.CREATING, _exit_columns(count, code, message) | NO_ORDER)


def wait_seconds(exits: int) -> int:
    """Seconds to wait after this number of ends in a row: 10, 20, … at most 300."""
    return int(min(MAX_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** min(exits - 1, 10)))


def _in_a_row(instance: Instance) -> int:
    steady = instance.state == State.RUNNING and database_now() - instance.changed_at >= STEADY_AFTER
    return 1 if steady else instance.exits + 1


def _exceeds_limit(count: int, code: int) -> bool:
    return code != 0 and count % MAX_FAILURES_ON_A_NODE == 0


def _moved_away(instance: Instance, count: int, code: int) -> Change:
    message = f"Ended {count} times in a row, last with exit code {code}: another node tries."
    return Change(instance, State.ALLOCATING, _exit_columns(count, code, message), leaves=True)


def _exit_columns(count: int, code: int, message: str) -> dict[str, object]:
    return {"exits": count, "exit_code": code, "message": message, "progress": 0}
