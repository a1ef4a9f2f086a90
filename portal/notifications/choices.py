"""Who wants to hear of what, and the words for it. Decides; sends nothing."""

from __future__ import annotations

from groups.models import Occurrence
from portal.models import EmailChoice, Membership

Kind = Occurrence.Kind
NO, MINE, ALL = "no", "mine", "all"
SCOPES = [(NO, "Never"), (MINE, "Groups that I made"), (ALL, "All groups")]
TOLD = {
    Kind.FAILED: "A pull failed",
    Kind.READY: "An image is pulled, and its group ready to start",
    Kind.RUNNING: "A group runs",
    Kind.REPLAY_REFUSED: "A used token was presented again, and refused",
}
"""What can be told, in the order of pages."""
DEFAULT = {Kind.FAILED: MINE}


def wanted(choice: EmailChoice | None) -> dict[str, str]:
    """Scope by kind; who chose nothing hears of failures of their own groups."""
    chosen = choice.wanted if choice is not None else DEFAULT
    return {kind: chosen.get(kind, NO) for kind in TOLD}


def people_for(occurrence: Occurrence) -> list[int]:
    """Ids of the members who want an e-mail about it."""
    organization = occurrence.organization_id
    choices = {each.user_id: each for each in EmailChoice.objects.filter(organization=organization)}
    maker = occurrence.group.created_by_id if occurrence.group else None
    members = Membership.objects.filter(organization=organization, user__is_active=True)
    return [pk for pk in members.values_list("user_id", flat=True) if _wants(choices.get(pk), occurrence, pk == maker)]


def _wants(choice: EmailChoice | None, occurrence: Occurrence, is_maker: bool) -> bool:
    scope = wanted(choice).get(occurrence.kind, NO)
    return scope == ALL or (scope == MINE and is_maker)
