"""One poll of one node: reconciles its report and returns what it has to start and stop.

A poll is one transaction that begins with the node's row, so polls of the same node run one after the other. That first
UPDATE also consumes the signed call.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models.functions import Now

from groups.models import Node
from groups.nodes.assignments import NOT_FETCHED, Start, issue_starts
from groups.nodes.authentication import Call, NotAuthenticated, consume_call
from groups.nodes.reconcile import Orders, reconcile
from groups.nodes.report import Report
from groups.nodes.scheduler import assign


@dataclass(frozen=True)
class PollResponse:
    """What the node has to do. Instances that are in no list continue."""

    start: list[Start]
    orders: Orders

    def as_json(self) -> dict[str, object]:
        """The response's body. `restart` and `recreate` are left out when empty."""
        orders = {name: ids for name, ids in vars(self.orders).items() if ids or name == "stop"}
        return {"start": [start.as_json() for start in self.start], **orders}


def poll(node: Node, report: Report, *, call: Call | None = None) -> PollResponse:
    """Process the node's report and return what it has to do. `call` is the signed call that carried the report. Raises
    NotAuthenticated if that was consumed before, or the node was removed in between."""
    start: list[Start] = []
    with transaction.atomic():
        _heartbeat(node, report, call)
        instances = list(node.instances.all())
        orders = reconcile(node, report, instances)
        taken = assign(node, excluding=orders.stop)
        # `reconcile` has updated these rows. Most polls have nothing to start and need no more queries.
        if taken or any(instance.state in NOT_FETCHED for instance in instances):
            start = issue_starts(node, {reported.id for reported in report.instances})
    return PollResponse(start=start, orders=orders)


def _heartbeat(node: Node, report: Report, call: Call | None) -> None:
    values: dict[str, object] = {**vars(report.capacity), "platform": report.platform}
    if call is not None:
        consume_call(call, **values, last_seen_at=Now())
    elif not Node.objects.enrolled().filter(pk=node.pk).update(**values, last_seen_at=Now()):
        raise NotAuthenticated
    for name, value in values.items():
        setattr(node, name, value)
