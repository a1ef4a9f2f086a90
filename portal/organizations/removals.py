"""Whether an owner or an operator has removed somebody, by the organization's activity, which nobody rewrites.

An identity provider doesn't overrule that. What it ended itself, it may give again.
"""

from __future__ import annotations

from django.db.models import Q

from portal.models import Activity, User
from registries.foundation.actor import ActorKind
from registries.foundation.ids import OrganizationId

_TEAM = ("team.added", "team.joined", "team.left", "team.removed")


def was_removed(person: User, organization_id: OrganizationId) -> bool:
    """Whether the last that happened to the person's membership is that somebody else removed them. An account that
    was deleted and made again has the same address."""
    rows = Activity.objects.filter(organization=organization_id, action__in=_TEAM, target_kind="member")
    rows = rows.filter(Q(target_key=str(person.pk)) | Q(text__target_name=person.email))
    last = rows.order_by("-number").first()
    if last is None or last.action != "team.removed" or last.actor_kind == ActorKind.PORTAL:
        return False
    return last.actor_kind != ActorKind.PERSON or last.actor_key != last.target_key
