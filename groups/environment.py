"""A group's environment variables, encrypted in its row."""

from __future__ import annotations

import json
from typing import Any

from groups import at_rest
from groups.models import ContainerGroup


def seal_environment(group_id: Any, environment: dict[str, str]) -> bytes | None:
    """Encrypt a group's environment for its row; nothing for none."""
    if not environment:
        return None
    return at_rest.encrypt(json.dumps(environment).encode(), bound_to=f"group environment {group_id}")


def open_environment(group: ContainerGroup) -> dict[str, str]:
    """Return the group's environment in clear, for its node or its members."""
    if not group.environment:
        return {}
    values: dict[str, str] = json.loads(at_rest.decrypt(group.environment, bound_to=f"group environment {group.id}"))
    return values
