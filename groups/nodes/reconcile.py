"""Reconciling a node's report with the rows of its instances and their groups.

A report changes only the node's own instances. An instance that it doesn't list is not on the node: a stopping one is
deleted, any other is allocated again, so neither a lost response nor a lost disk loses an instance.
`groups.nodes.restarts` decides what follows from the end of a container.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

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
    """What the node has to do with instances that it has, by their ids."""

    stop: list[str]
    restart: list[str] = field(default_factory=list)
    recreate: list[str] = field(default_factory=list)


def reconcile(node: Node, report: Report, instances: Iterable[Instance]) -> Orders:
    """Update the rows to the node's report and return the orders for the node. `instances` are all of the node's, read
    in the poll's transaction, in which this is called."""
    stop = []
    unlisted = {instance.id: instance for instance in instances}
    has_orders = any(instance.order for instance in unlisted.values())
    changes: list[Change] = []
    for reported in report.instances:
        instance = unlisted.pop(reported.id, None)
        if instance is None or instance.state == State.STOPPING:
            stop.append(str(reported.id))
        elif (change := _change(instance, reported)) is not None:
            changes.append(change)
            has_orders = has_orders or bool(change.values.get("order"))
            if change.ends_with is not None or (change.leaves and reported.state != State.ALLOCATING):
                stop.append(str(reported.id))
    changes += _unlisted(unlisted.values())
    carry_out(changes)
    orders = _orders(node) if has_orders else {}
    return Orders(stop, orders.get(Order.RESTART, []), orders.get(Order.RECREATE, []))


def _orders(node: Node) -> dict[str, list[str]]:
    """The node's instances with a due order, by order. It lists them all: others are allocated again by now."""
    due = Q(order_due_at__isnull=True) | Q(order_due_at__lte=Now())
    rows = node.instances.filter(due, state__in=[State.CREATING, State.RUNNING]).exclude(order="")
    found: dict[str, list[str]] = {}
    for pk, order in rows.values_list("pk", "order"):
        found.setdefault(order, []).append(str(pk))
    return found


def _change(instance: Instance, reported: Reported) -> Change | None:
    """The change that the report of one instance requires. One that is older than the row's state requires none."""
    if instance.state == State.ALLOCATING:
        return None
    if reported.state == EXITED:
        return restarts.after_exit(instance, reported)
    shown: dict[str, object] = {"progress": reported.progress, "message": reported.message}
    if reported.state == State.ALLOCATING:
        return Change(instance, State.ALLOCATING, shown | {"progress": 0}, leaves=True)
    if reported.state == instance.state:
        if instance.order and reported.state == State.CREATING:  # the node has received the order
            return Change(instance, instance.state, shown | NO_ORDER)
        same = (reported.progress, reported.message) == (instance.progress, instance.message)
        return None if same else Change(instance, instance.state, shown)
    if reported.state == State.STOPPING or reported.state not in INSTANCE_MOVES[instance.state]:
        return None
    if reported.state == State.CREATING and reported.exit_code is not None and not instance.order:
        return restarts.before_restart(instance, reported)
    return Change(instance, reported.state, shown)


def _unlisted(instances: Iterable[Instance]) -> list[Change]:
    """Changes to instances that the node doesn't list. A download can be missing because the response was lost:
    `groups.nodes.assignments` sends it again."""
    gone = [instance for instance in instances if instance.state == State.STOPPING]
    if gone:
        tokens.end(NodeToken.objects.filter(instance__in=gone), EndReason.STOPPED)
        Instance.objects.filter(pk__in=[instance.pk for instance in gone], state=State.STOPPING).delete()
    lost = [instance for instance in instances if instance.state in (State.CREATING, State.RUNNING)]
    return [Change(instance, State.ALLOCATING, {"progress": 0, "message": LOST}) for instance in lost]
