"""What a node's report changes: the states of its instances, and of their groups.

A node speaks for its own instances only. What it doesn't list, it doesn't have: what was stopping is gone, the rest
is given out again, so neither a lost answer nor a lost disk loses an instance. What follows from the end of a
container is `groups.nodes.restarts`'s to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now

from groups.delivery import tokens
from groups.delivery.tokens import EndReason
from groups.models import Instance, Node, NodeToken
from groups.nodes import restarts
from groups.nodes.instance_changes import Change, carry_out
from groups.nodes.report import EXITED, Report, Reported
from groups.rules.replicas import NO_ORDER
from groups.rules.states import INSTANCE_MOVES

State, Order = Instance.State, Instance.Order
LOST = "Its node no longer had it."


@dataclass(frozen=True)
class Orders:
    """What the node is to do with what it has: ids of instances."""

    stop: list[str]
    restart: list[str] = field(default_factory=list)
    recreate: list[str] = field(default_factory=list)


def reconcile(node: Node, report: Report, has: Iterable[Instance]) -> Orders:
    """Bring the rows in line with what the node reports; return what it is to do. `has` are its instances, read in
    the poll's transaction, in which this is called."""
    stop = []
    mine = {instance.id: instance for instance in has}
    has_orders = any(instance.order for instance in mine.values())
    changes: list[Change] = []
    for each in report.instances:
        instance = mine.pop(each.id, None)
        if instance is None or instance.state == State.STOPPING:
            stop.append(str(each.id))
        elif (change := _change(instance, each)) is not None:
            changes.append(change)
            has_orders = has_orders or bool(change.values.get("order"))
            if change.ends_with is not None or (change.leaves and each.state != State.ALLOCATING):
                stop.append(str(each.id))
    changes += _unlisted(mine.values())
    carry_out(changes)
    orders = _orders(node, {each.id for each in report.instances}) if has_orders else {}
    return Orders(stop, orders.get(Order.RESTART, []), orders.get(Order.RECREATE, []))


def _orders(node: Node, listed: set[UUID]) -> dict[str, list[str]]:
    """By order, the instances for which it is due."""
    due = Q(order_due_at__isnull=True) | Q(order_due_at__lte=Now())
    rows = node.instances.filter(due, state__in=[State.CREATING, State.RUNNING]).exclude(order="")
    found: dict[str, list[str]] = {}
    for pk, order in rows.values_list("pk", "order"):
        if pk in listed:
            found.setdefault(order, []).append(str(pk))
    return found


def _change(instance: Instance, reported: Reported) -> Change | None:
    """What the report of one instance asks for. Reports that lag behind ours ask for nothing."""
    if instance.state == State.ALLOCATING:
        return None
    if reported.state == EXITED:
        return restarts.ended(instance, reported)
    said = {"progress": reported.progress, "message": reported.message}
    if reported.state == State.ALLOCATING:
        return Change(instance, State.ALLOCATING, said | {"progress": 0}, leaves=True)
    if reported.state == instance.state:
        if instance.order and reported.state == State.CREATING:  # the order was heard
            return Change(instance, instance.state, said | NO_ORDER)
        same = (reported.progress, reported.message) == (instance.progress, instance.message)
        return None if same else Change(instance, instance.state, said)
    if reported.state == State.STOPPING or reported.state not in INSTANCE_MOVES[instance.state]:
        return None
    if reported.state == State.CREATING and reported.exit_code is not None and not instance.order:
        return restarts.begins_again(instance, reported)
    return Change(instance, reported.state, said)


def _unlisted(instances: Iterable[Instance]) -> list[Change]:
    """A download that isn't listed may be an answer that got lost: `groups.nodes.assignments` gives it again."""
    gone = [instance for instance in instances if instance.state == State.STOPPING]
    if gone:
        tokens.end(NodeToken.objects.filter(instance__in=gone), EndReason.STOPPED)
        Instance.objects.filter(pk__in=[instance.pk for instance in gone], state=State.STOPPING).delete()
    lost = [instance for instance in instances if instance.state in (State.CREATING, State.RUNNING)]
    return [Change(instance, State.ALLOCATING, {"progress": 0, "message": LOST}) for instance in lost]
