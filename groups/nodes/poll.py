"""One poll of one node: what it reports is settled, and what it is to start and stop comes back.

The whole poll is one transaction that begins with the node's row, so a node that calls twice at once is served
one after the other. That first UPDATE also uses up the signed call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from groups.models import Node
from groups.nodes.assignments import ON_THE_WAY, Start, issue_starts
from groups.nodes.authentication import Call, NotAuthenticated, consume_call
from groups.nodes.reconcile import Orders, reconcile
from groups.nodes.report import Capacity, Report
from groups.nodes.scheduler import assign


@dataclass(frozen=True)
class Answer:
    """What the node is to do; everything that is named in no list goes on as it is."""

    start: list[Start]
    orders: Orders

    def as_json(self) -> dict[str, Any]:
        """`restart` and `recreate` stand there only when they name something."""
        orders = {name: ids for name, ids in vars(self.orders).items() if ids or name == "stop"}
        return {"start": [start.as_json() for start in self.start], **orders}


def poll(node: Node, report: Report, *, call: Call | None = None) -> Answer:
    """Take the node's report and return what it is to do. `call` is the signed call that brought it. Raises
    NotAuthenticated where that was used before, or the node was removed since it was let in."""
    start: list[Start] = []
    with transaction.atomic():
        _heartbeat(node, report.capacity, call)
        has = list(node.instances.all())
        orders = reconcile(node, report, has)
        taken = assign(node, excluding=orders.stop)
        # The rows in hand show what became of them; most polls come from nodes on which all is well.
        if taken or any(each.state in ON_THE_WAY for each in has):
            start = issue_starts(node, {each.id for each in report.instances})
    return Answer(start=start, orders=orders)


def _heartbeat(node: Node, capacity: Capacity, call: Call | None) -> None:
    values = {"last_seen_at": Now(), "cpu": capacity.cpu, "memory_mb": capacity.memory_mb, "gpu": capacity.gpu}
    if call is not None:
        consume_call(call, **values)
    elif not Node.objects.enrolled().filter(pk=node.pk).update(**values):
        raise NotAuthenticated
    node.cpu, node.memory_mb, node.gpu = capacity.cpu, capacity.memory_mb, capacity.gpu
