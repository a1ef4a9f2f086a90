"""What a group was told beyond its columns: probes, logging, networking, scaling and the like, encrypted in its row.

They are kept as the public API has them and given back; log targets hold tokens, so all of them are encrypted like the
environment. `MASK` stands for a secret in what is given back, and for "as it was" in what comes in.
"""

from __future__ import annotations

from typing import Any

from groups.models import ContainerGroup
from registries.secrets import at_rest

MASK = "********"


def seal_options(group_id: Any, options: dict[str, Any]) -> bytes | None:
    """Encrypt a group's options for its row; nothing for none."""
    return at_rest.encrypt_object(options, bound_to=f"group options {group_id}")


def open_options(group: ContainerGroup) -> dict[str, Any]:
    """Return the group's options in clear."""
    return at_rest.decrypt_object(group.options, bound_to=f"group options {group.pk}")


def with_kept(new: Any, old: Any) -> Any:
    """Return `new` with each `MASK` in it replaced by what stands at its place in `old`."""
    if isinstance(new, dict):
        before = old if isinstance(old, dict) else {}
        return {name: with_kept(value, before.get(name)) for name, value in new.items()}
    if isinstance(new, list):
        rows = old if isinstance(old, list) else []
        return [with_kept(value, rows[place] if place < len(rows) else None) for place, value in enumerate(new)]
    return old if new == MASK and isinstance(old, str) else new


def seal_environment(group_id: Any, environment: dict[str, str]) -> bytes | None:
    """Encrypt a group's environment for its row; nothing for none."""
    return at_rest.encrypt_object(environment, bound_to=f"group environment {group_id}")


def open_environment(group: ContainerGroup) -> dict[str, str]:
    """Return the group's environment in clear, for its node or its members."""
    return at_rest.decrypt_object(group.environment, bound_to=f"group environment {group.pk}")
