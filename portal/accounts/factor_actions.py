"""Actions on second factors: passkeys, the authenticator app, recovery codes.

The new state of an account is computed from the rows that its mark covered and the change alone, never from what is in
the table afterwards (`portal.accounts.factor_rows`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.db import IntegrityError, transaction
from django.utils import timezone

from portal.accounts import authority
from portal.accounts.factor_rows import PASSKEY, PROVING, RECOVERY_CODES, TOTP, FactorId, rows_of, state_of
from portal.accounts.notices import send_notice
from portal.accounts.reset_tokens import end_links
from portal.accounts.second_factors import decrypt, encrypt, owned_by
from portal.accounts.session_epoch import end_sessions
from portal.audit.sign_ins import record_for_person
from portal.models import User
from registries.foundation.actor import Actor
from registries.foundation.ids import UserId
from registries.foundation.refusal import Refusal

MAX_PASSKEYS = 10
APP = "authenticator app"


class NoWayIn(Refusal):
    """Without this passkey the person could not sign in any more."""

    code = "last_way_in"
    title = "This passkey is your only way to sign in"

    def __init__(self) -> None:
        super().__init__("Set a password or add another passkey first, then remove this one.")


class PasswordNeeded(Refusal):
    """The person has no passkey that signs in on its own."""

    code = "password_needed"
    title = "Your password is needed"

    def __init__(self) -> None:
        super().__init__("Add a passkey that signs in without a password first.")


class TooManyPasskeys(Refusal):
    """The account has `MAX_PASSKEYS`."""

    code = "too_many_passkeys"
    title = "No more passkeys fit"

    def __init__(self) -> None:
        super().__init__(f"An account can have {MAX_PASSKEYS} passkeys. Remove one that you no longer use.")


class FactorExists(Refusal):
    """The account has an authenticator app already."""

    code = "second_factor_exists"
    title = "An authenticator app is already set up"

    def __init__(self) -> None:
        super().__init__("Remove it first to set up another.")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPasskey:
    """A passkey whose registration was verified. `credential` is what the browser sent, `is_passwordless` whether it
    also signs in on its own: it verified the person with a fingerprint, a face or a PIN."""

    name: str
    credential: dict[str, object]
    sign_count: int
    is_passwordless: bool


def add_totp(person: User, secret: str, *, by: Actor) -> bool:
    """Add the authenticator app with this secret. Returns whether recovery codes were created with it. Raises
    FactorExists and AccountAltered."""
    with transaction.atomic():
        row, factors = authority.lock_with_factors(person.pk)
        if any(factor.type == TOTP for factor in factors):
            raise FactorExists
        with owned_by(person.pk):
            factors.append(_insert(person.pk, TOTP, {"secret": encrypt(secret)}))
        has_new_codes = _add_codes(row, factors)
        _store(row, factors, ends_sessions=True)
        send_notice(row, "second_factor_added", by=by, details={"factor": f"An {APP}"})
        record_for_person(row, "account.second_factor_added", by=by, detail=APP)
    return has_new_codes


def add_passkey(person: User, passkey: NewPasskey, *, by: Actor) -> bool:
    """Add a passkey. Returns whether recovery codes were created with it. Raises TooManyPasskeys and
    AccountAltered."""
    with transaction.atomic():
        row, factors = authority.lock_with_factors(person.pk)
        if sum(factor.type == PASSKEY for factor in factors) >= MAX_PASSKEYS:
            raise TooManyPasskeys
        data = {
            "name": passkey.name,
            "credential": passkey.credential,
            "sign_count": passkey.sign_count,
            "passwordless": passkey.is_passwordless,
        }
        factors.append(_insert(person.pk, PASSKEY, data))
        has_new_codes = _add_codes(row, factors)
        _store(row, factors, ends_sessions=True)
        send_notice(row, "second_factor_added", by=by, details={"factor": f"The passkey “{passkey.name}”"})
        record_for_person(row, "account.second_factor_added", by=by, detail=f"passkey {passkey.name}")
    return has_new_codes


def rename_passkey(person: User, factor_id: FactorId, name: str, *, by: Actor) -> bool:
    """Give a passkey another name. Returns whether it changed. Raises Authenticator.DoesNotExist and
    AccountAltered."""
    with transaction.atomic():
        row, factors = authority.lock_with_factors(person.pk)
        factor = _chosen(factors, factor_id, PASSKEY)
        before = factor.data["name"]
        if before == name:
            return False
        factor.data["name"] = name
        factor.save(update_fields=["data"])
        _store(row, factors)
        record_for_person(row, "account.passkey_renamed", by=by, detail=f"{before} → {name}")
    return True


def remove_factor(person: User, factor_id: FactorId, *, by: Actor) -> None:
    """Remove a passkey or the authenticator app, and the recovery codes with the last one. Raises NoWayIn,
    Authenticator.DoesNotExist and AccountAltered."""
    with transaction.atomic():
        row, factors = authority.lock_with_factors(person.pk)
        factor = _chosen(factors, factor_id, *PROVING)
        left = [other for other in factors if other is not factor]
        if not row.has_usable_password() and is_passwordless(factor) and not any(map(is_passwordless, left)):
            raise NoWayIn
        if not any(other.type in PROVING for other in left):
            left = []
        _delete(gone for gone in factors if gone not in left)
        _store(row, left, ends_sessions=True)
        detail = APP if factor.type == TOTP else f"passkey {factor.data.get('name', '')}"
        send_notice(row, "second_factor_removed", by=by, details={"factor": detail})
        record_for_person(row, "account.second_factor_removed", by=by, detail=detail)


def replace_recovery_codes(person: User, *, by: Actor) -> bool:
    """Create new recovery codes in the place of those that there are. Returns whether the account has a second
    factor, which they replace; without one there are none. Raises AccountAltered."""
    with transaction.atomic():
        row, factors = authority.lock_with_factors(person.pk)
        left = [factor for factor in factors if factor.type != RECOVERY_CODES]
        if not left:
            return False
        _delete(gone for gone in factors if gone not in left)
        _add_codes(row, left)
        _store(row, left)
        send_notice(row, "recovery_codes_created", by=by)
        record_for_person(row, "account.recovery_codes_created", by=by)
    return True


def has_codes_to_show(person: User) -> bool:
    """Whether there are recovery codes that were not shown yet."""
    return any(row.type == RECOVERY_CODES and not row.data.get("viewed_at") for row in rows_of(person.pk))


def show_recovery_codes(person: User, *, by: Actor) -> list[str]:
    """Return the recovery codes, which are shown once; empty if they were shown before or there are none. Raises
    AccountAltered, and AtRestBroken for codes of somebody else's."""
    with transaction.atomic():
        row, factors = authority.lock_with_factors(person.pk)
        codes = next((factor for factor in factors if factor.type == RECOVERY_CODES), None)
        if codes is None or codes.data.get("viewed_at"):
            return []
        with owned_by(person.pk):
            decrypt(str(codes.data.get("seed", "")))
            shown: list[str] = RecoveryCodes(codes).get_unused_codes()
        codes.data["viewed_at"] = int(timezone.now().timestamp())
        codes.save(update_fields=["data"])
        _store(row, factors)
        record_for_person(row, "account.recovery_codes_viewed", by=by)
    return shown


def remove_password(person: User, *, by: Actor) -> bool:
    """Remove the password of a person who signs in with a passkey. Returns whether there was one. Raises
    PasswordNeeded and AccountAltered."""
    with transaction.atomic():
        row, factors = authority.lock_with_factors(person.pk)
        if not row.has_usable_password():
            return False
        if not any(map(is_passwordless, factors)):
            raise PasswordNeeded
        end_links(row)
        row.set_unusable_password()
        authority.store(row, "password")
        end_sessions(row)
        send_notice(row, "password_removed", by=by)
        record_for_person(row, "account.password_removed", by=by)
    return True


def reset_factors(person: User, reason: str, *, by: Actor) -> bool:
    """Remove all second factors of a person who lost them, and end their sessions. Returns whether there were any.
    Raises AccountAltered."""
    with transaction.atomic():
        row, factors = authority.lock_with_factors(person.pk)
        if not factors:
            return False
        _delete(factors)
        _store(row, [], ends_sessions=True)
        send_notice(row, "second_factors_reset", by=by, details={"reason": reason})
        record_for_person(row, "account.second_factors_reset", by=by, detail=reason)
    return True


def is_passwordless(factor: Authenticator) -> bool:
    """Whether this is a passkey that signs in on its own."""
    return factor.type == PASSKEY and factor.data.get("passwordless") is True


def _chosen(factors: Iterable[Authenticator], factor_id: FactorId, *kinds: str) -> Authenticator:
    for factor in factors:
        if factor.pk == factor_id and factor.type in kinds:
            return factor
    raise Authenticator.DoesNotExist


def _insert(person_id: UserId, kind: str, data: dict[str, object]) -> Authenticator:
    """Insert a row. There can be one of most kinds: another one that is there now was inserted past the portal."""
    try:
        with transaction.atomic():
            return Authenticator.objects.create(user_id=person_id, type=kind, data=data)
    except IntegrityError:
        raise authority.AccountAltered from None


def _add_codes(row: User, factors: list[Authenticator]) -> bool:
    if any(factor.type == RECOVERY_CODES for factor in factors):
        return False
    with owned_by(row.pk):
        data = {"seed": encrypt(RecoveryCodes.generate_seed()), "used_mask": 0}
    factors.append(_insert(row.pk, RECOVERY_CODES, data))
    return True


def _delete(factors: Iterable[Authenticator]) -> None:
    Authenticator.objects.filter(pk__in=[factor.pk for factor in factors]).delete()


def _store(row: User, factors: Iterable[Authenticator], *, ends_sessions: bool = False) -> None:
    row.second_factors = state_of(factors)
    authority.store(row, "second_factors")
    if ends_sessions:
        end_sessions(row)
