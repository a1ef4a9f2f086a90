"""Refusals that many operations of the API share."""

from __future__ import annotations

from registries.foundation.refusal import Refusal


def not_found() -> Refusal:
    """The one answer to whatever isn't here, or isn't here for this key."""
    message = "There is nothing of this name here, or the key is another organization's."
    return Refusal(message, code="not_found", status=404)


def not_now(message: str) -> Refusal:
    """The thing is in a state that doesn't allow it."""
    return Refusal(message, code="wrong_state", status=409)
