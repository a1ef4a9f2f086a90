"""Recording what concerns a person's account: signing in and out, passwords, second factors.

It is recorded in the chain of each organization that the person is a member of, and in the portal's. The chains are
locked in the order of the organizations' keys and the portal's last, which prevents deadlocks. Refused sign-ins are
appended later, by `portal.audit.refused_sign_ins`.
"""

from __future__ import annotations

from collections.abc import Mapping

from portal.models import Membership, User
from registries.foundation.activity import Target, Value, record
from registries.foundation.actor import Actor
from registries.foundation.ids import OrganizationId, UserId

RECOVERY_CODES = "recovery_codes"


def organizations_of(person_id: UserId) -> list[OrganizationId]:
    """Return the keys of the person's organizations, in the order in which their chains are locked."""
    rows = Membership.objects.filter(user=person_id).order_by("organization_id")
    return list(rows.values_list("organization_id", flat=True))


def record_for_person(
    person: User, action: str, *, by: Actor, detail: str = "", after: Mapping[str, Value] | None = None
) -> None:
    """Record what was done to or with the person's account: the last statement of the transaction that did it."""
    target = Target("person", person.pk, person.email)
    for organization_id in (*organizations_of(person.pk), None):
        record(by, action, target, organization_id=organization_id, detail=detail, after=after)
