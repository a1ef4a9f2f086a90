"""Actors for tests that call an action without a request."""

from __future__ import annotations

from portal.models import User
from registries.foundation.actor import Actor, ActorKind


def acting(person: User) -> Actor:
    """The person, from their own machine."""
    return Actor(kind=ActorKind.PERSON, id=str(person.pk), name=person.email, address="127.0.0.1", request_id="a" * 32)
