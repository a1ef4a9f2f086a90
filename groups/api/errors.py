"""Refusals that many operations of the API share."""

from __future__ import annotations

from registries.foundation.refusal import Refusal


def not_found() -> Refusal:
    """Return the refusal for what does not exist, or belongs to another organization."""
    message = "Nothing has this name, or the API key belongs to another organization."
    return Refusal(message, code="not_found", status=404)


def not_now(message: str) -> Refusal:
    """Return the refusal for a state that does not allow the operation."""
    return Refusal(message, code="wrong_state", status=409)
