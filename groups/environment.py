"""A group's environment variables, encrypted in its row."""

from __future__ import annotations

from typing import Any

from groups.models import ContainerGroup
from registries.secrets import at_rest


def seal_environment(group_id: Any, environment: dict[str, str]) -> bytes | None:
    """Encrypt a group's environment for its row; nothing for none."""
    return at_rest.encrypt_object(environment, bound_to=f"group environment {group_id}")


def open_environment(group: ContainerGroup) -> dict[str, str]:
    """Return the group's environment in clear, for its node or its members."""
    return at_rest.decrypt_object(group.environment, bound_to=f"group environment {group.pk}")
