"""One poll of one node: what it reports is settled, and what it is to start and stop comes back.

The whole poll is one transaction that begins with the node's row, so a node that calls twice at once is served
one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from groups.models import Node
from groups.nodes.authentication import NotAuthenticated
from groups.nodes.handover import Start, hand_over
from groups.nodes.report import Capacity, Report
from groups.nodes.reports import settle
from groups.nodes.scheduler import assign


@dataclass(frozen=True)
class Answer:
    """What the node is to do; everything that is named in neither list goes on as it is."""

    start: list[Start]
    stop: list[str]

    def as_json(self) -> dict[str, Any]:
        return {"start": [start.as_json() for start in self.start], "stop": self.stop}


def poll(node: Node, report: Report) -> Answer:
    """Take the node's report and return what it is to do. Raises NotAuthenticated where the node was removed since
    it was let in."""
    with transaction.atomic():
        _heartbeat(node, report.capacity)
        stop = settle(node, report)
        assign(node, but=stop)
        start = hand_over(node, {each.id for each in report.instances})
    return Answer(start=start, stop=stop)


def _heartbeat(node: Node, capacity: Capacity) -> None:
    known = Node.objects.filter(pk=node.pk).exclude(status=Node.Status.REMOVED)
    if not known.update(last_seen_at=Now(), cpu=capacity.cpu, memory_mb=capacity.memory_mb, gpu=capacity.gpu):
        raise NotAuthenticated
    node.cpu, node.memory_mb, node.gpu = capacity.cpu, capacity.memory_mb, capacity.gpu
