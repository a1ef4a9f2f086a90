"""Words for what nodes report in these tests."""

from __future__ import annotations

from typing import Any


def listed(given: dict[str, Any], state: str, **fields: Any) -> dict[str, Any]:
    """The report of an instance that was given."""
    return {"id": given["instance"], "state": state, "progress": 0, "message": "", **fields}
