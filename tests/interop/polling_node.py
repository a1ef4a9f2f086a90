"""A node by hand: written from the blueprint's contract alone, with a key of its own and signed polls."""

from __future__ import annotations

import time
import uuid
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.support.delivery_setup import private_pem, public_pem


class PollingNode:
    """Enrols with a code, and polls on request."""

    def __init__(self, address: str, code: str) -> None:
        self.address = address
        self.key = ec.generate_private_key(ec.SECP256R1())
        joined = requests.post(
            f"{address}/node/v1/enrol",
            json={"code": code, "name": "machine", "public_key": public_pem(self.key)},
            timeout=20,
        )
        joined.raise_for_status()
        self.id = joined.json()["node_id"]

    def poll(self, *instances: dict[str, Any]) -> dict[str, Any]:
        claims: dict[str, Any] = {"iss": self.id, "sub": self.id, "aud": self.address, "jti": uuid.uuid4().hex}
        claims["exp"] = int(time.time()) + 50
        bearer = jwt.encode({"alg": "ES256"}, claims, ECKey.import_key(private_pem(self.key)))
        answer = requests.post(
            f"{self.address}/node/v1/poll",
            headers={"Authorization": f"Bearer {bearer}"},
            json={"capacity": {"cpu": 4, "memory_mb": 8192, "gpu": ""}, "instances": list(instances)},
            timeout=20,
        )
        answer.raise_for_status()
        response: dict[str, Any] = answer.json()
        return response
