"""Who performs an action. Views, the API, the admin, commands and jobs make an Actor; actions take it as `by`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from registries.foundation.ids import UserId

PORTAL_NAME = "Drayage"
"""The name that members read for the portal itself, and for operators, whose own names they don't see."""


class ActorKind(StrEnum):
    """What kind of actor it is. `support` is somebody at the support desk; `operator` is somebody in the rest of the
    admin or at the console of the portal's host."""

    PERSON = "person"
    API_KEY = "api_key"
    SUPPORT = "support"
    OPERATOR = "operator"
    NODE = "node"
    PORTAL = "portal"
    ANONYMOUS = "anonymous"


_PEOPLE = (ActorKind.PERSON, ActorKind.SUPPORT, ActorKind.OPERATOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Somebody who acts, as the activity records it.

    `id` is the primary key of the person, API key or node as text, empty where there is none. `name` is what members
    read. `address` is the client's IP address, `request_id` the id of the HTTP request and `device` the browser and
    system it says it comes from; all three are empty outside of one.
    """

    kind: ActorKind
    name: str
    id: str = ""
    address: str = ""
    request_id: str = ""
    device: str = ""

    @property
    def person_id(self) -> UserId | None:
        """The user behind the action, for columns such as `created_by`; None for a program or the portal."""
        return UserId(int(self.id)) if self.id and self.kind in _PEOPLE else None


PORTAL = Actor(kind=ActorKind.PORTAL, name=PORTAL_NAME)
"""The portal itself: workers and the sweeper."""

CONSOLE = Actor(kind=ActorKind.OPERATOR, name=PORTAL_NAME)
"""An operator who runs a management command on the portal's host."""
