"""The audit log of an organization: writing it, and how its rows read.

Views of every app reach `record` as `request.record` (`portal.middleware`), since lower apps import nothing of the
portal. A row is written in the transaction of the deed where there is one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from portal.models import Activity

AREAS = {
    "group": "Groups",
    "credential": "Registries",
    "team": "Team",
    "key": "API keys",
    "notification": "Notifications",
    "support": "Support",
    "operator": "Operators",
}
VERBS = {
    "group.created": ("stack-2", "created the group"),
    "group.started": ("player-play", "started"),
    "group.stopped": ("player-pause", "stopped"),
    "group.retried": ("refresh", "tried again to pull"),
    "group.changed": ("settings", "changed"),
    "group.deleted": ("trash", "deleted the group"),
    "credential.added": ("lock", "added the credential"),
    "credential.changed": ("key", "changed the credential"),
    "credential.destroyed": ("flame", "destroyed the credential"),
    "team.invited": ("user-plus", "invited"),
    "team.withdrawn": ("ban", "withdrew the invitation of"),
    "team.joined": ("users", "joined as"),
    "team.role_changed": ("users", "changed the role of"),
    "team.removed": ("door-exit", "removed"),
    "team.left": ("door-exit", "left the organization"),
    "key.created": ("key", "created the API key"),
    "key.rotated": ("refresh", "put a new API key in the place of"),
    "key.revoked": ("ban", "revoked the API key"),
    "notification.changed": ("bell", "changed the webhook"),
    "support.asked": ("lifebuoy", "asked support about"),
    "support.replied": ("message-circle", "wrote to support again about"),
    "support.solved": ("circle-check", "closed the question about"),
    "support.shared": ("eye", "showed to support"),
    "support.unshared": ("lock", "took back from support"),
    "support.looked": ("eye", "looked at"),
    "support.answered": ("message-circle", "answered about"),
    "operator.suspended": ("player-pause", "suspended"),
    "operator.resumed": ("player-play", "resumed"),
    "operator.changed": ("server-2", "changed"),
}
OPERATOR = "Drayage"


@dataclass(frozen=True)
class Line:
    """A row as a page prints it."""

    row: Activity
    icon: str
    words: str


def record(
    organization_id: Any, actor: Any, verb: str, target: str = "", detail: str = "", *, address: str = ""
) -> None:
    """Write down that `actor` did `verb` to `target`. An actor is a person, or the name of an API key, or of
    whoever else acts. An unknown verb is shown as it stands."""
    is_person = getattr(actor, "is_authenticated", False) is True
    Activity.objects.create(
        organization_id=organization_id,
        actor=actor if is_person else None,
        actor_name=_cut(str(actor), "actor_name"),
        verb=verb,
        target=_cut(target, "target"),
        detail=_cut(detail, "detail"),
        address=address if len(address) <= 300 else "",
    )


def lines(rows: Iterable[Activity]) -> list[Line]:
    """Rows in words."""
    return [Line(row, *VERBS.get(row.verb, ("circle", row.verb))) for row in rows]


def _cut(text: str, field: str) -> str:
    longest: int = Activity._meta.get_field(field).max_length  # type: ignore[union-attr, assignment]
    return text if len(text) <= longest else text[: longest - 1] + "…"
