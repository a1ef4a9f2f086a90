"""Actions on people's accounts, by operators and by the people themselves.

What an operator does is recorded in the portal's chain. What members can notice (a deactivated account, another
email address, a removed second factor) is recorded in the chains of the person's organizations too.
"""

from __future__ import annotations

from collections.abc import Mapping

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt
from django.db import transaction

from portal.accounts import authority
from portal.accounts.reset_tokens import end_links, use_links
from portal.audit.sign_ins import organizations_of, record_for_person, record_second_factors, second_factors_of
from portal.models import User
from registries.foundation.activity import Target, Value, record
from registries.foundation.actor import Actor

SETTINGS = ("email", "first_name", "last_name", "is_active", "is_staff", "is_support", "is_superuser")
"""What operators change of an account, apart from the password."""


def create_person(
    email: str, password: str | None, *, is_staff: bool = False, is_superuser: bool = False, by: Actor
) -> User:
    """Create an account. Without a password the person can't sign in until they set one. Raises IntegrityError if the
    address is taken."""
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
    """Change settings of an account, by the names in `SETTINGS`. Returns whether anything was different. Raises
    IntegrityError if the address is taken, and AccountAltered."""
    with transaction.atomic():
        row = authority.lock(person.pk)
        before: dict[str, Value] = {name: getattr(row, name) for name in SETTINGS}
        after = {name: value for name, value in changes.items() if before[name] != value}
        if not after:
            return False
        for name, value in after.items():
            setattr(row, name, value)
        authority.store(row, *after)
        _record_changes(row, {name: before[name] for name in after}, after, by=by)
    return True


def set_password(person: User, password: str, *, is_reset: bool = False, by: Actor) -> None:
    """Set the person's password. `is_reset`: they proved who they are with an emailed link, not with the old
    password. Raises ResetLinkUsed if the link was used at the same time, and AccountAltered."""
    with transaction.atomic():
        row = authority.lock(person.pk)
        use_links(person) if is_reset else end_links(person)
        row.set_password(password)
        authority.store(row, "password")
        person.password, person.authority_mark = row.password, row.authority_mark
        record_for_person(person, "account.password_reset" if is_reset else "account.password_changed", by=by)


def remove_second_factor(factor: Authenticator, *, by: Actor) -> bool:
    """Remove a second factor of a person who lost it. Returns whether it existed. Raises AccountAltered."""
    with transaction.atomic():
        before = second_factors_of(factor.user_id)
        with authority.keeps_mark(factor.user_id):
            if not Authenticator.objects.filter(pk=factor.pk).delete()[0]:
                return False
        person = User.objects.get(pk=factor.user_id)
        record_second_factors(person, before=before, after=second_factors_of(person.pk), by=by)
    return True


def confirm_account(person: User, *, by: Actor) -> bool:
    """Accept what an altered account may do and which second factors it has. Its password, which somebody else may
    have set, is removed. Returns whether the account was altered. Raises AccountAltered if it was altered again since
    `person` was read: that is what somebody has looked at."""
    with transaction.atomic():
        row = User.objects.select_for_update(no_key=True).get(pk=person.pk)
        if any(getattr(row, name) != getattr(person, name) for name in SETTINGS):
            raise authority.AccountAltered
        row.second_factors, before = authority.kinds_of(row.pk), row.second_factors
        if row.is_unaltered and row.altered_at is None and row.second_factors == before:
            return False
        end_links(row)
        row.set_unusable_password()
        row.altered_at = None
        authority.store(row, "password", "second_factors", "altered_at")
        record(
            by,
            "account.confirmed",
            Target("person", row.pk, row.email),
            organization_id=None,
            after={"second_factors": row.second_factors, **{name: getattr(row, name) for name in SETTINGS}},
        )
    return True


def lift_lock(attempt: AccessAttempt, *, by: Actor) -> bool:
    """Let somebody try to sign in again after too many failures. Returns whether the counter existed."""
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
    """Save an additional email address of a person, new or changed. Returns whether anything was different."""
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
    """Delete an additional email address of a person. Returns whether it existed."""
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
    """Record in the organizations' chains first, then in the portal's: the lock order of `record_for_person`."""
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
