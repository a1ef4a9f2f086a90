"""What can be done to people's accounts, by operators and by themselves. One mutation per function.

What an operator does is recorded in the portal's chain; where members can tell the difference, because somebody is
switched off, has another address or lost a second factor, in the chains of that person's organizations too.
"""

from __future__ import annotations

from collections.abc import Mapping

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt
from django.db import transaction

from portal.audit.sign_ins import organizations_of, record_for_person, record_second_factors, second_factors_of
from portal.models import User
from registries.foundation.activity import Target, Value, record
from registries.foundation.actor import Actor

SETTINGS = ("email", "first_name", "last_name", "is_active", "is_staff", "is_support", "is_superuser")
"""What operators change of a person, apart from the password."""


def create_person(
    email: str, password: str | None, *, is_staff: bool = False, is_superuser: bool = False, by: Actor
) -> User:
    """Make a person. Without a password they can't sign in until they set one. Raises IntegrityError for an address
    that somebody has."""
    with transaction.atomic():
        person = User.objects.create_user(email, password, is_staff=is_staff, is_superuser=is_superuser)
        record(
            by,
            "account.created",
            Target("person", person.pk, person.email),
            organization_id=None,
            after={"is_staff": is_staff, "is_superuser": is_superuser},
        )
    return person


def change_person(person: User, changes: Mapping[str, str | bool], *, by: Actor) -> bool:
    """Change settings of a person, by the names in `SETTINGS`. Returns whether anything is different now. Raises
    IntegrityError for an address that somebody has."""
    with transaction.atomic():
        row = User.objects.select_for_update(no_key=True).get(pk=person.pk)
        before: dict[str, Value] = {name: getattr(row, name) for name in SETTINGS}
        after = {name: value for name, value in changes.items() if before[name] != value}
        if not after:
            return False
        User.objects.filter(pk=row.pk).update(**after)
        row.refresh_from_db()
        _record_changes(row, {name: before[name] for name in after}, after, by=by)
    return True


def set_password(person: User, password: str, *, is_reset: bool = False, by: Actor) -> None:
    """Give the person another password. `is_reset` says that a link by mail proved who they are, not the password
    before."""
    with transaction.atomic():
        person.set_password(password)
        person.save(update_fields=["password"])
        record_for_person(person, "account.password_reset" if is_reset else "account.password_changed", by=by)


def remove_second_factor(factor: Authenticator, *, by: Actor) -> bool:
    """Take a second factor from a person who lost it. Returns whether it was there."""
    with transaction.atomic():
        before = second_factors_of(factor.user_id)
        if not Authenticator.objects.filter(pk=factor.pk).delete()[0]:
            return False
        person = User.objects.get(pk=factor.user_id)
        record_second_factors(person, before=before, after=second_factors_of(person.pk), by=by)
    return True


def lift_lock(attempt: AccessAttempt, *, by: Actor) -> bool:
    """Let somebody try to sign in again who failed too often. Returns whether they were counted."""
    with transaction.atomic():
        if not AccessAttempt.objects.filter(pk=attempt.pk).delete()[0]:
            return False
        record(
            by,
            "account.lock_lifted",
            Target("person", "", attempt.username or ""),
            organization_id=None,
            detail=attempt.ip_address or "",
        )
    return True


def save_address(address: EmailAddress, *, by: Actor) -> bool:
    """Write another email address of a person, or what was changed of one. Returns whether anything is different
    now."""
    with transaction.atomic():
        row = EmailAddress.objects.select_for_update().filter(pk=address.pk).first() if address.pk else None
        before = _address(row) if row is not None else {}
        if _address(address) == before:
            return False
        address.save()
        action = "account.address_added" if row is None else "account.address_changed"
        record(
            by,
            action,
            Target("person", address.user_id, str(address.user)),
            organization_id=None,
            detail=address.email,
            before=before,
            after=_address(address),
        )
    return True


def remove_address(address: EmailAddress, *, by: Actor) -> bool:
    """Delete another email address of a person. Returns whether it was there."""
    with transaction.atomic():
        if not EmailAddress.objects.filter(pk=address.pk).delete()[0]:
            return False
        record(
            by,
            "account.address_removed",
            Target("person", address.user_id, str(address.user)),
            organization_id=None,
            detail=address.email,
            before=_address(address),
        )
    return True


def _address(row: EmailAddress) -> dict[str, Value]:
    return {"email": row.email, "verified": row.verified, "primary": row.primary, "person": str(row.user_id)}


def _record_changes(person: User, before: Mapping[str, Value], after: Mapping[str, Value], *, by: Actor) -> None:
    """The organizations come first, in the order of `record_for_person`."""
    target = Target("person", person.pk, person.email)
    for organization_id in organizations_of(person.pk):
        if "is_active" in after:
            action = "account.activated" if after["is_active"] else "account.deactivated"
            record(by, action, target, organization_id=organization_id)
        if "email" in after:
            detail = f"{before['email']} → {after['email']}"
            record(by, "account.email_changed", target, organization_id=organization_id, detail=detail)
    names = ", ".join(name.removeprefix("is_").replace("_", " ") for name in after)
    record(by, "account.changed", target, organization_id=None, detail=names, before=before, after=after)
