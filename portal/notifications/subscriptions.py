"""Email preferences of members, and who wants an email about an event. Sends nothing."""

from __future__ import annotations

from django.db import transaction

from groups.models import Occurrence
from portal.models import EmailChoice, Membership, Role
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor
from registries.foundation.ids import OrganizationId, UserId

Kind = Occurrence.Kind
NO, MINE, ALL = "no", "mine", "all"
SCOPES = [(NO, "Never"), (MINE, "Groups that I made"), (ALL, "All groups")]
EVENTS = {
    Kind.FAILED: "A pull failed",
    Kind.READY: "An image is pulled, and its group ready to start",
    Kind.RUNNING: "A group runs",
    Kind.REPLAY_REFUSED: "A node token was used twice; the second use was refused",
}
"""Events that members and webhooks can subscribe to, as pages name and order them."""
ALWAYS = {Kind.FACTOR_REQUIRED: None, Kind.FACTOR_OPTIONAL: None, Kind.SIGN_INS_REFUSED: Role.OWNER}
"""Events that members get an email about whatever they chose, by the role that they need, if any."""
DEFAULT = {Kind.FAILED: MINE}


def wanted(choice: EmailChoice | None) -> dict[str, str]:
    """Return the scope by kind. The default is emails about failures of one's own groups."""
    chosen = choice.wanted if choice is not None else DEFAULT
    return {str(kind): chosen.get(kind, NO) for kind in EVENTS}


def choose_emails(organization_id: OrganizationId, chosen: dict[str, str], *, by: Actor) -> bool:
    """Save which emails the acting person wants from this organization: a scope of `SCOPES` by kind. Returns whether
    anything was different."""
    person_id = by.person_id or UserId(0)  # an API key gets no emails
    with transaction.atomic():
        rows = EmailChoice.objects.select_for_update(no_key=True)
        row = rows.filter(organization=organization_id, user=person_id).first()
        before, after = wanted(row), wanted(EmailChoice(wanted=chosen))
        if after == before:
            return False
        EmailChoice.objects.update_or_create(
            organization_id=organization_id, user_id=person_id, defaults={"wanted": after}
        )
        record(
            by,
            "notification.emails_changed",
            Target("member", person_id),
            organization_id=organization_id,
            before=_changed(before, after),
            after=_changed(after, before),
        )
    return True


def people_for(occurrence: Occurrence) -> list[UserId]:
    """Return the ids of the active members who want an email about this event, or get it always."""
    organization = occurrence.organization_id
    if occurrence.kind in ALWAYS:
        role = ALWAYS[Kind(occurrence.kind)]
        rows = Membership.objects.filter(organization=organization, user__is_active=True)
        return list((rows.filter(role=role) if role else rows).values_list("user_id", flat=True))
    choices = {choice.user_id: choice for choice in EmailChoice.objects.filter(organization=organization)}
    creator = occurrence.group.created_by_id if occurrence.group else None
    members = Membership.objects.filter(organization=organization, user__is_active=True)
    return [
        pk for pk in members.values_list("user_id", flat=True) if _wants(choices.get(pk), occurrence, pk == creator)
    ]


def _wants(choice: EmailChoice | None, occurrence: Occurrence, is_creator: bool) -> bool:
    scope = wanted(choice).get(occurrence.kind, NO)
    return scope == ALL or (scope == MINE and is_creator)


def _changed(these: dict[str, str], others: dict[str, str]) -> dict[str, str]:
    return {kind: scope for kind, scope in these.items() if others.get(kind) != scope}
