"""Answers of a registry as its provider understands them."""

from __future__ import annotations

import json
from typing import Any

from registries.failures import PullFailed
from registries.oci.errors import Stage, response_failure
from registries.providers import PROVIDERS

__all__ = ["Stage", "means"]


def means(kind: str, stage: Stage, status: int, body: Any = b"", *, login: bool = True) -> PullFailed:
    """The failure that an answer means at that kind of registry. A body that is a text is a message with the code
    DENIED or UNAUTHORIZED, depending on the status."""
    if isinstance(body, str):
        body = {"errors": [{"code": "UNAUTHORIZED" if status == 401 else "DENIED", "message": body}]}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    failure = response_failure(
        stage, status, {}, raw, host="registry.example", repository="team/app", version="1.0", login=login
    )
    return PROVIDERS[kind].classify(failure)
