"""Words for what nodes report in these tests."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from tests.support.delivery_setup import NodeInHand

GOOD: dict[str, Any] = {"capacity": {"cpu": 1, "memory_mb": 1, "gpu": None}, "instances": []}


def listed(given: dict[str, Any], state: str, **fields: Any) -> dict[str, Any]:
    """The report of an instance that was given."""
    return {"id": given["instance"], "state": state, "progress": 0, "message": "", **fields}


def send(node: NodeInHand, body: Any) -> Any:
    """Poll with that body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Client().post("/node/v1/poll", raw, "application/json", headers={"Authorization": f"Bearer {node.signed()}"})
