"""Recording what concerns a person's account: signing in and out, refused sign-ins, passwords, second factors.

It is recorded in the chain of each organization that the person is a member of, and in the portal's. The chains are
locked in the order of the organizations' keys and the portal's last, which prevents deadlocks.
"""

from __future__ import annotations

from collections.abc import Mapping

from allauth.mfa.models import Authenticator
from django.db import transaction

from portal.models import Membership, User
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor

RECOVERY_CODES = "recovery_codes"
FACTORS = {"totp": "authenticator app", RECOVERY_CODES: ""}
"""Second factors by allauth's type, in words."""
MAX_TYPED_ADDRESS = 80
"""Characters that are stored of an address without an account. People mistype: it may be a password."""


def organizations_of(person_id: int) -> list[int]:
    """Return the keys of the person's organizations, in the order in which their chains are locked."""
    rows = Membership.objects.filter(user=person_id).order_by("organization_id")
    return list(rows.values_list("organization_id", flat=True))


def second_factors_of(person_id: int) -> dict[str, int]:
    """Return the keys of the person's second factors by type: `totp`, `recovery_codes`."""
    return dict(Authenticator.objects.filter(user=person_id).values_list("type", "pk"))


def record_for_person(person: User, action: str, *, by: Actor, detail: str = "") -> None:
    """Record what was done to or with the person's account: the last statement of the transaction that did it."""
    target = Target("person", person.pk, person.email)
    for organization_id in (*organizations_of(person.pk), None):
        record(by, action, target, organization_id=organization_id, detail=detail)


def record_refused_sign_in(address: str, *, by: Actor, detail: str = "") -> None:
    """Record a refused sign-in with this email address. If no account has the address, it is recorded in the portal's
    chain only."""
    with transaction.atomic():
        person = User.objects.filter(email=address.strip().lower()).first()
        if person is not None:
            record_for_person(person, "account.sign_in_refused", by=by, detail=detail)
            return
        typed = address if len(address) <= MAX_TYPED_ADDRESS else address[:MAX_TYPED_ADDRESS] + "…"
        record(
            by,
            "account.sign_in_refused",
            Target("person", "", typed),
            organization_id=None,
            detail=detail or "no such account",
        )


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
