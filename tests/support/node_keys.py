"""Nodes whose keys a test changes, as nodes do, as operators do, and past the portal."""

from __future__ import annotations

from typing import Any

import pytest

from groups.models import Node
from groups.nodes.enrolment import create_enrolment, enrol
from groups.nodes.vouching import KeyNotVouched, vouched_key
from registries.foundation.actor import CONSOLE, Actor, ActorKind
from tests.support.delivery_setup import (
    NodeInHand,
    ec_key,
    next_key_proof,
    private_pem,
    public_pem,
)
from tests.support.raw_sql import key_of, sql

MACHINE = Actor(kind=ActorKind.NODE, name="", address="192.0.2.7")


def change(node: Node, **columns: Any) -> Node:
    for column, value in columns.items():
        sql(f"UPDATE groups_node SET {column} = %s WHERE id = %s", value, key_of(node))
    return Node.objects.get(pk=node.pk)


def joined(name: str = "rack-7", key: Any = None) -> NodeInHand:
    """A node that has just enrolled, and that no worker has looked at."""
    key = key or ec_key()
    code, _ = create_enrolment(name, by=CONSOLE)
    return NodeInHand(enrol(code, name, public_pem(key), by=MACHINE), private_pem(key))


def present(node: NodeInHand, key: Any, **claims: Any) -> Any:
    body = {"public_key": public_pem(key), "proof": next_key_proof(node, public_pem(key), **claims)}
    return node.client.post(
        "/node/v1/key", body, "application/json", headers={"Authorization": f"Bearer {node.signed()}"}
    )


def now_has(node: NodeInHand, key: Any) -> NodeInHand:
    return NodeInHand(Node.objects.get(pk=node.row.pk), private_pem(key))


def refused(node: Node, why: str = "neither a code nor the previous key names it") -> None:
    with pytest.raises(KeyNotVouched, match=why):
        vouched_key(Node.objects.get(pk=node.pk))
    assert Node.objects.get(pk=node.pk).key_refused == why
