"""The Actor of a request: a person, support at its desk, an operator in the admin, an API key, or somebody who is not
signed in."""

from __future__ import annotations

from django.http import HttpRequest

from portal.http.devices import device_of
from portal.models import ApiKey, User
from registries.foundation.actor import PORTAL_NAME, Actor, ActorKind
from registries.foundation.requests import client_address

ADMIN = "/admin/"
DESK = "/admin/desk/"
ANONYMOUS_NAME = "Somebody not signed in"
"""The name that members read for whoever is not signed in."""


def actor_of(request: HttpRequest) -> Actor:
    """Return who makes this request. In the admin that is an operator, whose name members don't see; at the support
    desk it is support, with the person's name, which they do see."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return _actor(request, ActorKind.ANONYMOUS, "", ANONYMOUS_NAME)
    if request.path_info.startswith(DESK):
        return _actor(request, ActorKind.SUPPORT, str(user.pk), user.email)
    if request.path_info.startswith(ADMIN):
        return _actor(request, ActorKind.OPERATOR, str(user.pk), PORTAL_NAME)
    return actor_of_person(request, user)


def actor_of_person(request: HttpRequest, person: User) -> Actor:
    """Return this person as the actor, before the request is signed in as them or after it was signed out."""
    return _actor(request, ActorKind.PERSON, str(person.pk), person.email)


def actor_of_key(request: HttpRequest, key: ApiKey) -> Actor:
    """Return the API key of a request as the actor."""
    return _actor(request, ActorKind.API_KEY, str(key.pk), f"API key {key.name}")


def _actor(request: HttpRequest, kind: ActorKind, key: str, name: str) -> Actor:
    return Actor(
        kind=kind,
        id=key,
        name=name,
        address=client_address(request),
        request_id=getattr(request, "request_id", ""),
        device=device_of(request.headers.get("User-Agent", "")),
    )
