"""Actions on people's accounts, by operators and by the people themselves.

What an operator does is recorded in the portal's chain. What members can notice (a deactivated account, another
email address, a removed second factor) is recorded in the chains of the person's organizations too.
"""

from __future__ import annotations

from collections.abc import Mapping

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db import transaction

from groups.rules import quotas
from portal.accounts import authority
from portal.accounts.address_proof import mail_proof, prove
from portal.accounts.factor_rows import PASSKEY, entry_of, kinds_in, rows_of, state_of
from portal.accounts.notices import send_notice
from portal.accounts.reset_tokens import end_links, use_links
from portal.accounts.session_epoch import end_sessions
from portal.audit.sign_ins import organizations_of, record_for_person
from portal.models import AddressProof, SignInLimit, User
from portal.organizations.holdings import Ended, end_holdings, record_end
from portal.organizations.rules import require_active, require_proof
from registries.foundation.activity import Target, Value, record
from registries.foundation.actor import Actor

SETTINGS = ("email", "first_name", "last_name", "is_active", "is_staff", "is_support", "is_superuser")
"""What operators change of an account, apart from the password."""
RIGHTS = ("is_staff", "is_support", "is_superuser")
NAMES = {"first_name", "last_name"}
"""Those that give no right and sign nobody in."""


def create_person(
    email: str,
    password: str | None,
    *,
    is_staff: bool = False,
    is_superuser: bool = False,
    is_support: bool = False,
    by: Actor,
) -> User:
    """Create an account for an operator, who vouches for the address. Without a password the person can't sign in until
    they set one. Raises IntegrityError if the address is taken."""
    with transaction.atomic():
        rights = {"is_staff": is_staff, "is_superuser": is_superuser, "is_support": is_support}
        person = User.objects.create_user(email, password, address_proof=AddressProof.OPERATOR, **rights)
        record(
            by,
            "account.created",
            Target("person", person.pk, person.email),
            organization_id=None,
            after={name: value for name, value in rights.items() if value or name != "is_support"},
        )
    return person


def change_person(person: User, changes: Mapping[str, str | bool], *, by: Actor) -> bool:
    """Change settings of an account, by the names in `SETTINGS`. Other rights, another address and deactivating end the
    person's sessions, and deactivating their API keys and the invitations they made, in every organization. Returns
    whether anything was different. Raises IntegrityError if the address is taken, AccountAltered, AddressUnproven for
    rights in the admin that an account without a proof would get, and AccountDeactivated for those that a deactivated
    one would."""
    with transaction.atomic():
        if changes.get("is_active") is False:  # organizations are locked before people
            for organization_id in organizations_of(person.pk):
                quotas.lock_organization(organization_id)
        row = authority.lock(person.pk)
        before: dict[str, Value] = {name: getattr(row, name) for name in SETTINGS}
        after = {name: value for name, value in changes.items() if before[name] != value}
        if not after:
            return False
        for name, value in after.items():
            setattr(row, name, value)
        if row.is_staff or row.is_support or row.is_superuser:
            require_proof(row)
        if any(after.get(name) for name in RIGHTS):
            require_active(row)
        if not row.is_active:
            end_links(row)
        if "email" in after:
            EmailAddress.objects.filter(user=row.pk, email__iexact=str(before["email"])).delete()
            end_links(row)
        authority.store(row, *after)
        if not after.keys() <= NAMES:
            end_sessions(row)
        _record_changes(row, {name: before[name] for name in after}, after, by=by)
    return True


def set_password(person: User, password: str, *, is_reset: bool = False, by: Actor) -> None:
    """Set the person's password. `is_reset`: they proved who they are with an emailed link, not with the old password;
    if their address was not proven, it is now, and what anybody else could sign in with ends. Raises ResetLinkUsed if
    the link was used at the same time, and AccountAltered."""
    with transaction.atomic():
        row = authority.lock(person.pk)
        use_links(person) if is_reset else end_links(person)
        is_proof = is_reset and not row.address_proof
        if is_proof:
            prove(row, mail_proof())
        row.set_password(password)
        row.save(update_fields=["password"])
        end_sessions(row)
        for name in ("password", "address_proof", "second_factors", "session_epoch", "authority_mark"):
            setattr(person, name, getattr(row, name))
        if is_proof:
            record_for_person(person, "account.address_proven", by=by)
        send_notice(row, "password_reset" if is_reset else "password_changed", by=by)
        record_for_person(person, "account.password_reset" if is_reset else "account.password_changed", by=by)


def confirm_account(person: User, *, by: Actor) -> bool:
    """Accept what an altered account may do. Its password, which somebody else may have set, is removed, and so are
    passkeys and other second factors that its mark doesn't cover. Returns whether the account was altered. Raises
    AccountAltered if it was altered again since `person` was read: that is what somebody has looked at."""
    with transaction.atomic():
        row = User.objects.select_for_update(no_key=True).get(pk=person.pk)
        if any(getattr(row, name) != getattr(person, name) for name in SETTINGS):
            raise authority.AccountAltered
        factors = rows_of(row.pk, lock=True)
        if row.is_unaltered and row.altered_at is None and row.second_factors == state_of(factors):
            return False
        row.second_factors = state_of(_keep_own(row, factors))
        end_links(row)
        row.set_unusable_password()
        row.altered_at = None
        # Nobody knows who wrote the proof: an operator vouches for his own, others prove theirs again.
        row.address_proof = AddressProof.OPERATOR if row.is_staff else AddressProof.NONE
        authority.store(row, "password", "second_factors", "altered_at", "address_proof")
        end_sessions(row)
        record(
            by,
            "account.confirmed",
            Target("person", row.pk, row.email),
            organization_id=None,
            after={
                "second_factors": ", ".join(sorted(kinds_in(row.second_factors))),
                **{name: getattr(row, name) for name in SETTINGS},
            },
        )
    return True


def lift_limit(limit: SignInLimit, *, by: Actor) -> bool:
    """Let somebody try again at once after too many attempts. Returns whether the counter existed."""
    with transaction.atomic():
        row = SignInLimit.objects.select_for_update(no_key=True).filter(pk=limit.pk).first()
        if row is None:
            return False
        SignInLimit.objects.filter(pk=row.pk).delete()
        record(
            by,
            "account.limit_lifted",
            Target("person", "", row.shown),
            organization_id=None,
            detail=f"{row.get_kind_display()}: {row.count} attempts",
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


def _keep_own(row: User, factors: list[Authenticator]) -> list[Authenticator]:
    """Delete the second factors that somebody else may have inserted; return the others. Where the mark fits, it says
    which those are. Where it doesn't, passkeys are deleted: the others have secrets that only the portal encrypts."""
    known = set(row.second_factors.split(","))
    fits = row.is_unaltered
    own = [factor for factor in factors if (entry_of(factor) in known if fits else factor.type != PASSKEY)]
    Authenticator.objects.filter(pk__in=[factor.pk for factor in factors if factor not in own]).delete()
    return own


def _address(row: EmailAddress) -> dict[str, Value]:
    return {"email": row.email, "verified": row.verified, "primary": row.primary, "person": str(row.user_id)}


def _record_changes(person: User, before: Mapping[str, Value], after: Mapping[str, Value], *, by: Actor) -> None:
    """Record in the organizations' chains first, then in the portal's: the lock order of `record_for_person`. What
    somebody who was deactivated holds ends."""
    target = Target("person", person.pk, person.email)
    for organization_id in organizations_of(person.pk):
        if "is_active" in after:
            ended = Ended() if after["is_active"] else end_holdings(person.pk, organization_id)
            record_end(ended, organization_id, by=by)
            action = "account.activated" if after["is_active"] else "account.deactivated"
            record(by, action, target, organization_id=organization_id, detail=ended.in_words)
        if "email" in after:
            detail = f"{before['email']} → {after['email']}"
            record(by, "account.email_changed", target, organization_id=organization_id, detail=detail)
    names = ", ".join(name.removeprefix("is_").replace("_", " ") for name in after)
    record(by, "account.changed", target, organization_id=None, detail=names, before=before, after=after)
