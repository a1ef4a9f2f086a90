"""One case for each public action: what it needs, and the call. `tests/test_actions_record.py` runs them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

Call: TypeAlias = partial[Any]
"""A call of an action, with its actor as the keyword `by`."""


@dataclass(frozen=True)
class Cast:
    """Who and what is there before a case: Acme with its people, a stranger, support and an operator."""

    alice: Any
    bob: Any
    carol: Any
    mallory: Any
    sam: Any
    olga: Any
    acme: Any
    project: Any


@dataclass(frozen=True)
class Case:
    """`action` is the dotted name of the function, `prepare` builds what it needs and returns the call."""

    action: str
    prepare: Callable[[Cast], Call]
