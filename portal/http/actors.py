"""Makes the Actor of a request: a person, an operator in the admin, an API key, or somebody who is not signed in."""

from __future__ import annotations

import ipaddress

from django.http import HttpRequest

from portal.models import ApiKey, User
from registries.foundation.actor import PORTAL_NAME, Actor, ActorKind

ADMIN = "/admin/"
DESK = "/admin/desk/"


def actor_of(request: HttpRequest) -> Actor:
    """Whoever makes this request. In the admin that is an operator, whose name members don't read; at the support
    desk it is the person, whom members do see."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return _actor(request, ActorKind.ANONYMOUS, "", "Somebody not signed in")
    if request.path_info.startswith(ADMIN) and not request.path_info.startswith(DESK):
        return _actor(request, ActorKind.OPERATOR, str(user.pk), PORTAL_NAME)
    return actor_of_person(request, user)


def actor_of_person(request: HttpRequest, person: User) -> Actor:
    """The person, where the request itself is not signed in as them yet."""
    return _actor(request, ActorKind.PERSON, str(person.pk), person.email)


def actor_of_key(request: HttpRequest, key: ApiKey) -> Actor:
    """The API key of a request."""
    return _actor(request, ActorKind.API_KEY, str(key.pk), f"API key {key.name}")


def client_address(request: HttpRequest) -> str:
    """The IP address that the connection came from, empty where there is none, as behind a Unix socket."""
    try:
        return str(ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")))
    except ValueError:
        return ""


def _actor(request: HttpRequest, kind: ActorKind, key: str, name: str) -> Actor:
    return Actor(
        kind=kind, id=key, name=name, address=client_address(request), request_id=getattr(request, "request_id", "")
    )
