"""Recording what concerns a person's account: signing in and out, passwords, second factors.

It is recorded in the chain of each organization that the person is a member of, and in the portal's. The chains are
locked in the order of the organizations' keys and the portal's last, which prevents deadlocks. Refused sign-ins are
appended later, by `portal.audit.refused_sign_ins`.
"""

from __future__ import annotations

from collections.abc import Mapping

from allauth.mfa.models import Authenticator

from portal.models import Membership, User
from registries.foundation.activity import Target, Value, record
from registries.foundation.actor import Actor
from registries.foundation.ids import OrganizationId, UserId

RECOVERY_CODES = "recovery_codes"
FACTORS = {"totp": "authenticator app", RECOVERY_CODES: ""}
"""Second factors by allauth's type, in words."""


def organizations_of(person_id: UserId) -> list[OrganizationId]:
    """Return the keys of the person's organizations, in the order in which their chains are locked."""
    rows = Membership.objects.filter(user=person_id).order_by("organization_id")
    return list(rows.values_list("organization_id", flat=True))


def second_factors_of(person_id: UserId) -> dict[str, int]:
    """Return the keys of the person's second factors by type: `totp`, `recovery_codes`."""
    return dict(Authenticator.objects.filter(user=person_id).values_list("type", "pk"))


def record_for_person(
    person: User, action: str, *, by: Actor, detail: str = "", after: Mapping[str, Value] | None = None
) -> None:
    """Record what was done to or with the person's account: the last statement of the transaction that did it."""
    target = Target("person", person.pk, person.email)
    for organization_id in (*organizations_of(person.pk), None):
        record(by, action, target, organization_id=organization_id, detail=detail, after=after)


def record_second_factors(person: User, *, before: Mapping[str, int], after: Mapping[str, int], by: Actor) -> None:
    """Record which second factors were added, removed or replaced. `before` and `after` are results of
    `second_factors_of`."""
    for kind in sorted({*before, *after}):
        if before.get(kind) == after.get(kind):
            continue
        if kind == RECOVERY_CODES:
            action = "account.recovery_codes_created" if kind in after else "account.recovery_codes_removed"
        else:
            action = "account.second_factor_added" if kind in after else "account.second_factor_removed"
        record_for_person(person, action, by=by, detail=FACTORS.get(kind, kind))
