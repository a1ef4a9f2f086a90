"""A group's environment variables, and its options without a column of their own (probes, logging, networking …).

Both can hold secrets, such as the token of a log target, so both are encrypted in the group's row. Options have the
shape of the public API. In responses `MASK` replaces a secret; in requests it means "unchanged".
"""

from __future__ import annotations

from typing import Any

from groups.models import ContainerGroup
from registries.foundation.ids import GroupId
from registries.secrets import at_rest

MASK = "********"


def seal_options(group_id: GroupId, options: dict[str, object]) -> bytes | None:
    """Encrypt a group's options for its row; None if there are none."""
    return at_rest.encrypt_object(options, bound_to=f"group options {group_id}")


def open_options(group: ContainerGroup) -> dict[str, Any]:
    """Decrypt the group's options, a JSON object. Raises `registries.secrets.at_rest.AtRestBroken`."""
    return at_rest.decrypt_object(group.options, bound_to=f"group options {group.pk}")


def unmask(new: object, old: object) -> object:
    """Return the JSON value `new` with each `MASK` in it replaced by the text at the same place of `old`."""
    if isinstance(new, dict):
        before = old if isinstance(old, dict) else {}
        return {name: unmask(value, before.get(name)) for name, value in new.items()}
    if isinstance(new, list):
        rows = old if isinstance(old, list) else []
        return [unmask(value, rows[place] if place < len(rows) else None) for place, value in enumerate(new)]
    return old if new == MASK and isinstance(old, str) else new


def seal_environment(group_id: GroupId, environment: dict[str, str]) -> bytes | None:
    """Encrypt a group's environment for its row; None if it is empty."""
    return at_rest.encrypt_object(environment, bound_to=f"group environment {group_id}")


def open_environment(group: ContainerGroup) -> dict[str, str]:
    """Decrypt the group's environment, for its node or its members. Raises AtRestBroken as `open_options` does."""
    return at_rest.decrypt_object(group.environment, bound_to=f"group environment {group.pk}")
