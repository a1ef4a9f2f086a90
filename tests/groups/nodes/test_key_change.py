"""Which statement of a node's present key names the next one."""

from __future__ import annotations

import base64
import hmac
import json
import uuid
from typing import Any

import pytest

from groups.models import Node
from groups.nodes.key_change import names_next_key
from groups.nodes.keys import read_public_key
from registries.foundation.ids import NodeId
from tests.support.delivery_setup import NodeInHand, ec_key, next_key_proof, private_pem, public_pem, rsa_key

PRESENT, FOLLOWING, OTHER = ec_key(), public_pem(rsa_key()), ec_key()
NODE = NodeInHand(Node(pk=NodeId(uuid.uuid4()), public_key=public_pem(PRESENT)), private_pem(PRESENT))


def names(proof: str, *, present: Any = PRESENT, node: Any = NODE.row) -> bool:
    return names_next_key(proof, read_public_key(public_pem(present)), read_public_key(FOLLOWING), node_id=node.pk)


def test_it_names_one_key_of_one_node() -> None:
    proof = next_key_proof(NODE, FOLLOWING)
    assert names(proof)
    assert names(next_key_proof(NODE, f"\n{FOLLOWING}\n")), "however its lines are broken"
    assert not names(proof, present=OTHER)
    assert not names(proof, node=Node(pk=NodeId(uuid.uuid4())))
    assert not names(next_key_proof(NODE, public_pem(OTHER)))


def test_a_signature_with_what_everybody_knows_is_none() -> None:
    claims = next_key_proof(NODE, FOLLOWING).split(".")[1]
    for algorithm in ("HS256", "none", "ES256"):
        header = base64.urlsafe_b64encode(json.dumps({"alg": algorithm}).encode()).decode().rstrip("=")
        mac = hmac.digest(public_pem(PRESENT).encode(), f"{header}.{claims}".encode(), "sha256")
        assert not names(f"{header}.{claims}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}")
        assert not names(f"{header}.{claims}.")


@pytest.mark.parametrize("proof", ["", "a", "a.b", "a.b.c", "a.b.c.d", "..", "\n", "é.é.é", "x" * 13_000])
def test_what_is_no_statement(proof: str) -> None:
    assert not names(proof)
    assert not names(next_key_proof(NODE, FOLLOWING)[:-8] + proof)
